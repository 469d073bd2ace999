import { expect, test } from "vitest";
import { fallbackRemark } from "../../src/boot/netboot-policy.ts";
import type { TimelineEvent } from "../../src/nodes/ports.ts";
import { consoleFault, lastBootStage } from "../../src/operations/boot-stage.ts";

type Told = readonly [kind: string, detail?: TimelineEvent["detail"]];

const timeline = (told: readonly Told[]): TimelineEvent[] =>
  told.map(([kind, detail = {}], id) => ({
    ...{ id, atMs: id, node: "node01", mac: undefined, kind, detail },
  }));

const pxe: Told = ["dhcp-acknowledged", { bootFile: "undionly.kpxe" }];
const loader: Told = ["tftp-transferred", { file: "undionly.kpxe", outcome: "completed" }];
const menu: Told = ["boot-menu-served"];
const script: Told = ["boot-script-served", { plan: "installer" }];
const image: Told = ["image-served", { file: "initrd", outcome: "complete" }];
const keys: Told = ["keys-served"];
const system: Told = ["dhcp-acknowledged", {}];

test.each<[string, readonly Told[], string]>([
  ["silent", [["install-armed"], ["power-set"]], "does not boot from the network"],
  ["dhcp", [pxe], "fetched nothing"],
  ["dhcp", [["dhcp-ignored", { reason: "it asks for no boot file" }]], "it asks for no boot file"],
  ["loader", [pxe, loader], "Secure Boot"],
  ["loader", [pxe, ["loader-served", { file: "ipxe.efi" }]], "Secure Boot"],
  [
    "loader",
    [pxe, ["tftp-transferred", { file: "x", outcome: "aborted-by-client" }]],
    "Secure Boot",
  ],
  [
    "loader",
    [pxe, ["tftp-transferred", { file: "x.efi", outcome: "not-found" }]],
    "the transfer of x.efi ended as not-found",
  ],
  ["ipxe", [pxe, loader, menu], "stands in its menu"],
  ["script", [pxe, loader, menu, script], "fetched no image whole"],
  [
    "script",
    [pxe, ["boot-script-served", { plan: "local-disk", reason: "node01 is active" }]],
    "it was sent to its own disk: node01 is active",
  ],
  [
    "script",
    [pxe, ["boot-refused", { asked: "boot.ipxe", reason: "10.0.0.9 is nobody's" }]],
    "it was refused boot.ipxe: 10.0.0.9 is nobody's",
  ],
  [
    "script",
    [pxe, script, ["boot-reported", { stage: "initrd", error: "0x4c126035" }]],
    'could not do "initrd": https://ipxe.org/4c126035',
  ],
  [
    "images",
    [pxe, script, ["image-served", { file: "initrd", outcome: "cut", bytes: 7 }]],
    "the download of initrd was cut after 7 bytes",
  ],
  [
    "images",
    [pxe, script, ["image-served", { file: "initrd", outcome: "too-slow", bytes: 7 }]],
    "given up after 7 bytes: the machine took less than server.leastDownloadKiBPerSecond",
  ],
  ["images", [pxe, script, image], "too little memory"],
  ["keys", [pxe, script, image, keys], "look at its console"],
  ["keys", [pxe, script, image, keys, ["boot-refused", { asked: "keys" }]], "look at its console"],
  ["system", [pxe, script, image, keys, system], "SSH does not answer"],
  [
    "system",
    [pxe, keys, ["dhcp-acknowledged", { bootFile: "ipxe.efi", reason: fallbackRemark }]],
    "SSH does not answer",
  ],
  ["dhcp", [pxe, script, image, keys, system, pxe], "fetched nothing"],
])("a machine that came to %s: %j", (name, told, likely) => {
  const stage = lastBootStage(timeline(told));
  expect(stage).toMatchObject({ name, likely: expect.stringContaining(likely) });
});

test("the sign is the event that shows the stage", () => {
  expect(lastBootStage(timeline([pxe, loader, ["power-set"]])).sign?.id).toBe(1);
  expect(lastBootStage([]).sign).toBeUndefined();
});

const panic: Told = ["kernel-panicked", { line: "Kernel panic - not syncing: no init" }];
const pxeError: Told = ["network-boot-failed", { line: "PXE-E16: No valid offer received." }];
const violation: Told = ["secure-boot-violated", { line: "Boot0002: Access Denied" }];
const noDevice: Told = ["no-bootable-device", { line: "No bootable device." }];
const restarted: Told = ["console-stage-reached", { stage: "firmware" }];

test.each<[string, readonly Told[], string]>([
  ["a panic after the keys", [pxe, keys, panic], "its console says: Kernel panic"],
  ["a machine that was never heard", [noDevice], "its console says: No bootable device."],
  [
    "what came before, over what followed from it",
    [pxe, violation, pxeError, noDevice],
    "Access Denied",
  ],
  [
    "the newer of the same",
    [pxe, pxeError, ["network-boot-failed", { line: "PXE-E61" }]],
    "PXE-E61",
  ],
  [
    "the console over a report that only repeats it",
    [script, ["ipxe-failed", { line: "x (http://ipxe.org/4c126035)" }], ["boot-reported", {}]],
    "x (http",
  ],
])("the likely cause is %s", (_, told, likely) => {
  expect(lastBootStage(timeline(told)).likely).toContain(likely);
});

test.each<[string, readonly Told[]]>([
  ["a newer sign of the network", [pxe, pxeError, pxe]],
  ["a new boot on the console", [pxe, panic, restarted]],
])("%s makes what the console said a thing of the past", (_, told) => {
  expect(consoleFault(timeline(told))).toBeUndefined();
  expect(lastBootStage(timeline(told)).likely).not.toContain("console says");
});
