import { expect, test } from "vitest";
import type { MachineFacts } from "../../src/install/machine-facts.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";
import { identityOf } from "../../src/nodes/disk-identity.ts";
import { driftOf } from "../../src/nodes/drift.ts";
import type { LastInstall } from "../../src/nodes/ports.ts";
import { aDisk, someFacts } from "../fakes/machine-facts.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [example] = exampleInventory().nodes;
if (example === undefined) throw new Error("the example site declares no node");
const otherMac = "52:54:00:aa:00:01" as Mac;
const thirdMac = "52:54:00:aa:00:02" as Mac;
const declared: Node = {
  ...example,
  role: "control-plane",
  firmware: "uefi",
  secureBoot: undefined,
  disk: { path: "/dev/sda" },
  layout: { kind: "single" },
};
const disk = aDisk("sda");

function drift(
  node: Partial<Node>,
  facts: Partial<MachineFacts>,
  seen: { mac?: Mac; last?: LastInstall } = {},
) {
  const machine = { atMs: 1, mac: seen.mac ?? declared.mac, facts: someFacts(declared.mac, facts) };
  return driftOf({ ...declared, ...node }, machine, seen.last).map(
    ({ kind, setting, declared: said, found }) => `${kind} ${setting}: ${said} | ${found}`,
  );
}

const wrote = (over: Partial<LastInstall> = {}): LastInstall => ({
  atMs: 1,
  mac: declared.mac,
  selector: "/dev/sda",
  disks: [identityOf(disk)],
  ...over,
});
const nic = (mac: Mac) => ({ eth1: { mac } }) as unknown as Node["nics"];
const withCards = { macs: [declared.mac, otherMac] };

test.each<[string, Partial<Node>, Partial<MachineFacts>, Parameters<typeof drift>[2], string[]]>([
  ["a machine as declared", {}, {}, {}, []],
  ["what nobody declared", {}, { serial: "A", uuid: "b", ...withCards }, {}, []],
  ["its serial number", { serial: "A" }, { serial: "B" }, {}, ["differs serial: A | B"]],
  [
    "a serial number it does not say",
    { serial: "A" },
    {},
    {},
    ["differs serial: A | the machine says none"],
  ],
  ["its UUID in other letters", { uuid: "AB" }, { uuid: "ab" }, {}, []],
  ["its UUID", { uuid: "AB" }, { uuid: "cd" }, {}, ["differs uuid: ab | cd"]],
  ["its firmware", {}, { firmware: "bios" }, {}, ["differs firmware: uefi | bios"]],
  [
    "a card that is gone",
    {},
    { macs: [otherMac] },
    {},
    [`differs mac: ${declared.mac} | cards ${otherMac}`],
  ],
  ["no card at all", {}, { macs: [] }, {}, [`differs mac: ${declared.mac} | no network card`]],
  ["a further card that is declared", { nics: nic(otherMac) }, withCards, {}, []],
  [
    "a further card that is missing",
    { nics: nic(otherMac) },
    {},
    {},
    [`differs nics.eth1.mac: ${otherMac} | cards ${declared.mac}`],
  ],
  [
    "a card beside the declared ones",
    { nics: nic(otherMac) },
    { macs: [declared.mac, otherMac, thirdMac] },
    {},
    [`note nics: none | ${thirdMac}`],
  ],
  [
    "another machine under the name",
    {},
    {},
    { mac: otherMac },
    [`differs mac: ${declared.mac} | a machine with ${otherMac}`],
  ],
  [
    "a disk that is gone",
    {},
    { disks: [aDisk("sdb")] },
    {},
    [
      "differs disk: /dev/sda | the machine has no disk /dev/sda; it has /dev/sdb (480.1 GB, serial SER-sdb)",
    ],
  ],
  [
    "a disk that two are",
    { disk: { size: "largest" } },
    { disks: [disk, aDisk("sdb")] },
    {},
    [
      "differs disk: size largest | 2 disks of the machine are size largest: /dev/sda (480.1 GB, serial SER-sda), /dev/sdb (480.1 GB, serial SER-sdb)",
    ],
  ],
  ["the disk of the last install", {}, {}, { last: wrote() }, []],
  [
    "another disk than at the last install",
    {},
    { disks: [{ ...disk, serial: "B" }] },
    { last: wrote() },
    [
      "differs disk: /dev/sda | /dev/sda (480.1 GB, serial B), and the last install wrote to /dev/sda (480.1 GB, serial SER-sda)",
    ],
  ],
  [
    "a last install on another machine",
    {},
    { disks: [{ ...disk, serial: "B" }] },
    { last: wrote({ mac: otherMac }) },
    [],
  ],
  [
    "the second disk of a mirror",
    { layout: { kind: "mirror", second: { path: "/dev/sdb" } } },
    {},
    {},
    [
      "differs layout.second: /dev/sdb | the machine has no disk /dev/sdb; it has /dev/sda (480.1 GB, serial SER-sda)",
    ],
  ],
  [
    "Secure Boot switched off",
    { secureBoot: true },
    { secureBoot: false },
    {},
    ["differs secureBoot: on | off"],
  ],
  [
    "Secure Boot that nobody declared",
    {},
    { secureBoot: true },
    {},
    ["note secureBoot: not declared | on"],
  ],
  ["firmware that does not say", { secureBoot: true }, {}, {}, []],
  [
    "too little memory",
    {},
    { memoryBytes: 16 * 2 ** 30 },
    {},
    ["note memory: 32 GB for a control-plane | 16.0 GB"],
  ],
  ["memory of which the firmware keeps some", {}, { memoryBytes: 31 * 2 ** 30 }, {}, []],
  [
    "too few processors",
    { role: "worker" },
    { threads: 8 },
    {},
    ["note processors: 16 for a worker | 8"],
  ],
  ["what the machine does not say", {}, { threads: undefined, memoryBytes: undefined }, {}, []],
])("drift: %s", (_name, node, facts, seen, expected) => {
  expect(drift(node, facts, seen)).toEqual(expected);
});
