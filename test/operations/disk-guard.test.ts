import { expect, test } from "vitest";
import type { Disk } from "../../src/install/machine-facts.ts";
import { formatDisks } from "../../src/inventory/disk.ts";
import type { Mac } from "../../src/net/mac.ts";
import { identityOf } from "../../src/nodes/disk-identity.ts";
import type { LastInstall } from "../../src/nodes/ports.ts";
import {
  changedDisks,
  type DiskQuestion,
  describeTargets,
  refuseDisks,
} from "../../src/operations/disk-guard.ts";
import { aDisk } from "../fakes/machine-facts.ts";

const mac = "52:54:00:00:00:01" as Mac;
const otherMac = "52:54:00:00:00:02" as Mac;
const single: DiskQuestion["node"] = {
  name: "node01",
  mac,
  disk: { path: "/dev/sda" },
  layout: { kind: "single" },
};
const mirror: DiskQuestion["node"] = {
  ...single,
  layout: { kind: "mirror", second: { path: "/dev/sdb" } },
};
const contents = ["gpt partition table", "ext4 on sda2"];
const a = aDisk("sda", { serial: "A" });
const b = aDisk("sda", { serial: "B" });
const second = aDisk("sdb", { serial: "C" });
const mute = aDisk("vda", { serial: undefined });
const full = (disk: Disk): Disk => ({ ...disk, contents });
const typed = (over: object = {}) => ({ eraseData: false, diskSerials: [], ...over });

function wrote(disks: readonly Disk[], over: Partial<LastInstall> = {}): LastInstall {
  const node = disks.length === 2 ? mirror : single;
  return { atMs: 1, mac, selector: formatDisks(node), disks: disks.map(identityOf), ...over };
}

test.each<[string, Partial<DiskQuestion>]>([
  ["a blank disk", { disks: [a] }],
  ["our own earlier install", { disks: [full(a)], last: wrote([a]) }],
  [
    "our own install under another device name",
    { disks: [full({ ...a, name: "/dev/sdx" })], last: wrote([a]) },
  ],
  [
    "our own disk, named otherwise now",
    { disks: [full(a)], last: wrote([a], { selector: "serial A" }) },
  ],
  ["our own disk in another machine", { disks: [full(a)], last: wrote([a], { mac: otherMac }) }],
  ["a blank disk that was named anew", { disks: [b], last: wrote([a], { selector: "serial A" }) }],
  [
    "a blank disk of a machine that was replaced",
    { disks: [b], last: wrote([a], { mac: otherMac }) },
  ],
  [
    "a replaced disk whose serial number was typed",
    { disks: [b], last: wrote([a]), confirmed: typed({ diskSerials: ["B"] }) },
  ],
  ["foreign data that may be erased", { disks: [full(a)], confirmed: typed({ eraseData: true }) }],
  [
    "both confirmations",
    {
      disks: [full(b)],
      last: wrote([a]),
      confirmed: typed({ eraseData: true, diskSerials: ["B"] }),
    },
  ],
  ["a mute disk of a virtual machine, ours", { disks: [full(mute)], last: wrote([mute]) }],
  ["our own mirror", { node: mirror, disks: [full(a), full(second)], last: wrote([a, second]) }],
  [
    "a mirror with a disk replaced, typed",
    {
      node: mirror,
      disks: [full(a), { ...second, serial: "D" }],
      last: wrote([a, second]),
      confirmed: typed({ diskSerials: ["D"] }),
    },
  ],
])("may be written: %s", (_name, question) => {
  expect(
    refuseDisks({ node: single, disks: [], last: undefined, confirmed: undefined, ...question }),
  ).toBeUndefined();
});

test.each<[string, Partial<DiskQuestion>, RegExp, RegExp]>([
  [
    "data of which nothing is known",
    { disks: [full(a)] },
    /serial A\) of node node01 holds gpt partition table, ext4 on sda2/,
    /provision node01 --erase node01$/,
  ],
  [
    "data on a disk after another one was installed",
    { disks: [full(b)], last: wrote([a], { selector: "serial A" }) },
    /serial B\) of node node01 holds/,
    /--erase node01/,
  ],
  [
    "data without a signature",
    { disks: [{ ...a, contents: ["data without a known signature"] }] },
    /holds data without a known signature/,
    /--erase/,
  ],
  [
    "a disk that could not be read",
    { disks: [{ ...a, contents: ["what could not be read"] }] },
    /holds what could not be read/,
    /--erase/,
  ],
  [
    "a name that moved to a blank disk",
    { disks: [b], last: wrote([a]) },
    /^the disk behind \/dev\/sda is .*serial B\) and was .*serial A\) at the last install: device names moved, or the disk was replaced/,
    /name the disk of node node01 by serial .*--disk-serial B$/,
  ],
  [
    "a name that moved to data, which may be erased",
    { disks: [full(b)], last: wrote([a]), confirmed: typed({ eraseData: true }) },
    /behind \/dev\/sda/,
    /--disk-serial B/,
  ],
  [
    "a replaced disk with data, only the serial number typed",
    { disks: [full(b)], last: wrote([a]), confirmed: typed({ diskSerials: ["B"] }) },
    /holds gpt/,
    /--erase/,
  ],
  [
    "a typed serial number that is the old disk's",
    { disks: [b], last: wrote([a]), confirmed: typed({ diskSerials: ["A"] }) },
    /--disk-serial A was given .* is .*serial B/,
    /correct/,
  ],
  [
    "a typed serial number that no disk has",
    { disks: [a], confirmed: typed({ diskSerials: ["Z"] }) },
    /--disk-serial Z/,
    /correct/,
  ],
  [
    "a part of a serial number",
    { disks: [b], last: wrote([a]), confirmed: typed({ diskSerials: [""] }) },
    /--disk-serial {2}was/,
    /correct/,
  ],
  [
    "a disk of another size",
    { disks: [{ ...a, sizeBytes: 1e12 }], last: wrote([a]) },
    /1000\.0 GB/,
    /--disk-serial A/,
  ],
  [
    "a disk that has lost its serial number",
    { disks: [{ ...a, serial: undefined }], last: wrote([a]) },
    /device names moved/,
    /by serial in the inventory$/,
  ],
  [
    "a mute disk with data in another machine",
    { disks: [full(mute)], last: wrote([mute], { mac: otherMac }) },
    /holds/,
    /--erase/,
  ],
  [
    "a mute disk with data elsewhere",
    { disks: [full({ ...mute, name: "/dev/vdb" })], last: wrote([mute], { selector: "x" }) },
    /holds/,
    /--erase/,
  ],
  [
    "the second disk of a mirror that moved",
    { node: mirror, disks: [a, { ...second, serial: "D" }], last: wrote([a, second]) },
    /serial D\) and was .*serial C\)/,
    /--disk-serial D/,
  ],
  [
    "the two disks of a mirror in each other's place",
    {
      node: mirror,
      disks: [
        { ...second, name: "/dev/sda" },
        { ...a, name: "/dev/sdb" },
      ],
      last: wrote([a, second]),
    },
    /device names moved/,
    /--disk-serial C/,
  ],
  [
    "data on the second disk of a mirror",
    { node: mirror, disks: [a, full(second)] },
    /serial C\) of node node01 holds/,
    /--erase/,
  ],
])("must not be written: %s", (_name, question, reason, next) => {
  const refusal = refuseDisks({
    node: single,
    disks: [],
    last: undefined,
    confirmed: undefined,
    ...question,
  });
  expect(refusal?.reason).toMatch(reason);
  expect(refusal?.reason).toMatch(/nothing was written/);
  expect(refusal?.next).toMatch(next);
});

test.each<[string, readonly Disk[], readonly Disk[], boolean]>([
  ["the same disk", [a], [a], false],
  ["the same disk under another name", [a], [{ ...a, name: "/dev/sdq" }], false],
  ["another serial number", [a], [b], true],
  ["another WWN", [a], [{ ...a, wwn: "0x1" }], true],
  ["another size", [a], [{ ...a, sizeBytes: 1 }], true],
  ["no disk any more", [a], [], true],
  ["a second disk more", [a], [a, second], true],
  ["the disks of a mirror swapped", [a, second], [second, a], true],
  ["no approval at all", [], [a], true],
  ["no approval and no disk", [], [], true],
])("right before the install: %s", (_name, approved, now, refused) => {
  const refusal = changedDisks(single, approved.map(identityOf), now.map(identityOf));
  expect(refusal !== undefined).toBe(refused);
});

test("what is about to be erased is said in words", () => {
  const said = (over: Partial<DiskQuestion>) =>
    describeTargets({ node: single, disks: [a], last: undefined, confirmed: undefined, ...over });
  expect(said({})).toBe("/dev/sda (480.1 GB, serial A), blank");
  expect(said({ disks: [full(a)], last: wrote([a]) })).toMatch(
    /with what was installed from here$/,
  );
  expect(said({ disks: [full(a)], confirmed: typed({ eraseData: true }) })).toMatch(
    /holding gpt partition table, ext4 on sda2, to be erased as confirmed$/,
  );
});
