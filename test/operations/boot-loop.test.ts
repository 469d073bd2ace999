import { expect, test } from "vitest";
import type { TimelineEvent } from "../../src/nodes/ports.ts";
import { bootLoop, networkBoots } from "../../src/operations/boot-loop.ts";

const minuteMs = 60_000;

function at(atMs: number, kind: string, detail: TimelineEvent["detail"] = {}): TimelineEvent {
  return { id: atMs, atMs, node: "node01", mac: undefined, kind, detail };
}

/** One boot through a loader and iPXE, as far as its kernel. */
function boot(atMs: number): TimelineEvent[] {
  return [
    at(atMs, "dhcp-offered", { bootFile: "ipxe.efi" }),
    at(atMs + 10, "dhcp-acknowledged", { bootFile: "ipxe.efi" }),
    at(atMs + 20, "tftp-transferred", { file: "ipxe.efi", outcome: "completed" }),
    at(atMs + 30, "dhcp-offered", { bootFile: "http://10.0.100.10/boot.ipxe" }),
    at(atMs + 40, "boot-script-served", { plan: "installer" }),
    at(atMs + 50, "image-served", { file: "bzImage", outcome: "completed" }),
    at(atMs + 60, "image-served", { file: "initrd", outcome: "completed" }),
    at(atMs + 70, "keys-served"),
  ];
}

/** The installer's own request for an address, and its renewals. */
const address = (atMs: number) => [
  at(atMs, "dhcp-offered", {}),
  at(atMs + 10, "dhcp-acknowledged", {}),
];

test.each<[string, TimelineEvent[], number[]]>([
  ["silence", [], []],
  ["a ROM that gets no further than its loader", boot(0).slice(0, 3), []],
  ["one boot", boot(0), [0]],
  [
    "one boot, its installer's address and a renewal",
    [...boot(0), ...address(100), ...address(200)],
    [0],
  ],
  ["a boot from the disk, by its script alone", [...boot(0).slice(0, 5), ...address(100)], [0]],
  ["a second boot", [...boot(0), ...address(100), ...boot(1000)], [0, 1000]],
  ["a second boot that has only begun", [...boot(0), ...boot(1000).slice(0, 4)], [0]],
  ["three boots", [...boot(0), ...boot(1000), ...address(1100), ...boot(2000)], [0, 1000, 2000]],
  [
    "a loader that is fetched again and again",
    [0, 1, 2, 3].flatMap((n) => boot(n * 1000).slice(0, 3)),
    [],
  ],
])("%s", (_name, events, starts) => {
  expect(networkBoots(events)).toEqual(starts);
});

test("three boots within ten minutes are a loop, and three in a longer time are none", () => {
  const quick = [...boot(0), ...boot(4 * minuteMs), ...boot(8 * minuteMs)];
  expect(bootLoop(quick, 9 * minuteMs)).toBe(
    "it booted from the network 3 times in 10 minutes and came to no end",
  );
  expect(bootLoop(quick, 10 * minuteMs + 1)).toBeUndefined();
  expect(bootLoop(quick.slice(0, 16), 5 * minuteMs)).toBeUndefined();
});
