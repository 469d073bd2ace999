import { expect, test } from "vitest";
import type { Disk } from "../../src/install/machine-facts.ts";
import { type DiskSelector, disk as diskSchema } from "../../src/inventory/disk.ts";
import { areSameDisks, isSameDisk } from "../../src/nodes/disk-identity.ts";
import { type Resolution, resolveDisk, resolveDisks } from "../../src/nodes/resolve-disk.ts";
import { aDisk } from "../fakes/machine-facts.ts";

const gigabyte = 1e9;
const small = aDisk("sda", {
  sizeBytes: 240 * gigabyte,
  model: "INTEL_SSDSC2KB24",
  wwn: "0x5000c500a1b2c3d4",
  links: ["/dev/disk/by-id/ata-INTEL_1", "/dev/disk/by-path/pci-0000:00:17.0-ata-1"],
});
const large = aDisk("sdb", { sizeBytes: 4000 * gigabyte, model: "HGST HUS726", rotational: true });
const twin = aDisk("sdc", { sizeBytes: 4000 * gigabyte, model: "HGST HUS726", rotational: true });
const stick = aDisk("sdd", { sizeBytes: 16 * gigabyte, removable: true, usedBy: ["/iso"] });
const reader = aDisk("sde", { sizeBytes: 0, removable: true });
const sealed = aDisk("sdf", { sizeBytes: 100 * gigabyte, readOnly: true });
const nvme = aDisk("nvme0n1", { sizeBytes: 960 * gigabyte, wwn: "eui.0025385b71b0c3d2" });

const machine = [small, large, stick, reader, sealed, nvme];

test.each<[string, unknown, readonly Disk[], Resolution["kind"], string]>([
  ["a path", "/dev/sda", machine, "one", "/dev/sda"],
  ["a path of udev's", "/dev/disk/by-path/pci-0000:00:17.0-ata-1", machine, "one", "/dev/sda"],
  ["an id", { id: "ata-INTEL_1" }, machine, "one", "/dev/sda"],
  ["a serial number", { serial: "SER-sdb" }, machine, "one", "/dev/sdb"],
  ["a WWN", { wwn: "0x5000C500A1B2C3D4" }, machine, "one", "/dev/sda"],
  ["a WWN of NVMe", { wwn: "eui.0025385b71b0c3d2" }, machine, "one", "/dev/nvme0n1"],
  ["a model, spaces or not", { model: "INTEL SSDSC2KB24" }, machine, "one", "/dev/sda"],
  ["a size", { size: "960GB" }, machine, "one", "/dev/nvme0n1"],
  ["a range", { size: { min: "1TB" } }, machine, "one", "/dev/sdb"],
  ["the largest", { size: "largest" }, machine, "one", "/dev/sdb"],
  [
    "the smallest, which is no USB stick and nothing read-only",
    { size: "smallest" },
    machine,
    "one",
    "/dev/sda",
  ],
  ["all that is given", { path: "/dev/sda", serial: "SER-sda" }, machine, "one", "/dev/sda"],
  [
    "a path and another disk's serial number",
    { path: "/dev/sda", serial: "SER-sdb" },
    machine,
    "none",
    "no disk /dev/sda, serial SER-sdb; it has /dev/sda (240.0 GB, INTEL_SSDSC2KB24, serial SER-sda)",
  ],
  ["a path that is not there", "/dev/vda", machine, "none", "no disk /dev/vda; it has /dev/sda"],
  ["a part of a serial number", { serial: "SER" }, machine, "none", "serial SER-nvme0n1"],
  ["a partition", "/dev/sda1", machine, "none", "no disk /dev/sda1"],
  ["a size that none has", { size: "2TB" }, machine, "none", "size 1900 GB to 2100 GB"],
  ["a card reader without a card", "/dev/sde", machine, "none", "no disk /dev/sde"],
  ["a machine without disks", "/dev/sda", [], "none", "it has none at all"],
  ["a machine with sticks alone", { size: "largest" }, [stick], "none", "no disk size largest"],
  [
    "a model that two have",
    { model: "HGST HUS726" },
    [large, twin],
    "several",
    "2 disks of the machine are model HGST HUS726: /dev/sdb",
  ],
  [
    "a tie of sizes",
    { size: "largest" },
    [small, large, twin],
    "several",
    "size largest: /dev/sdb",
  ],
  [
    "two disks with one serial number",
    { serial: "X" },
    [aDisk("sda", { serial: "X" }), aDisk("sdb", { serial: "X" })],
    "several",
    "2 disks",
  ],
  ["a disk that can only be read", "/dev/sdf", machine, "unfit", "can only be read"],
  [
    "the stick that the installer runs from",
    "/dev/sdd",
    machine,
    "unfit",
    "in use by the installer itself (/iso)",
  ],
  ["a disk that is swapped to", "/dev/sda", [{ ...small, usedBy: ["[SWAP]"] }], "unfit", "[SWAP]"],
  [
    "what an install left mounted",
    "/dev/sda",
    [{ ...small, usedBy: ["/mnt", "/mnt/boot"] }],
    "one",
    "/dev/sda",
  ],
])("%s", (_name, written, disks, kind, text) => {
  const selector: DiskSelector = diskSchema.parse(written);
  const resolution = resolveDisk(selector, disks);
  expect(resolution.kind).toBe(kind);
  expect(resolution.kind === "one" ? resolution.disk.name : resolution.why).toContain(text);
});

test("the two disks of a mirror must be two", () => {
  const both = [{ path: "/dev/sda" }, { serial: "SER-sda" }];
  expect(resolveDisks(both, machine)).toEqual({
    why: expect.stringContaining(
      "/dev/sda and serial SER-sda are the same disk /dev/sda",
    ) as string,
  });
  expect(resolveDisks([{ path: "/dev/sda" }, { path: "/dev/sdb" }], machine)).toEqual({
    disks: [small, large],
  });
  expect(resolveDisks([{ path: "/dev/sda" }, { path: "/dev/sdz" }], machine)).toHaveProperty("why");
});

const known = { device: "/dev/sda", sizeBytes: 480, serial: "A", wwn: "0x1", model: "M" };

test.each<[string, object, boolean]>([
  ["another device name", { device: "/dev/sdb" }, true],
  ["another model, which a new kernel may write otherwise", { model: "M2" }, true],
  ["another serial number", { serial: "B" }, false],
  ["another WWN", { wwn: "0x2" }, false],
  ["another size", { sizeBytes: 481 }, false],
  ["no serial number any more", { serial: undefined }, false],
])("a disk with %s", (_name, over, same) => {
  expect(isSameDisk(known, { ...known, ...over })).toBe(same);
  expect(areSameDisks([known], [{ ...known, ...over }])).toBe(same);
});

test("a disk that says nothing of itself is known by its device name", () => {
  const mute = { device: "/dev/vda", sizeBytes: 480 };
  expect(isSameDisk(mute, { ...mute })).toBe(true);
  expect(isSameDisk(mute, { ...mute, device: "/dev/vdb" })).toBe(false);
  expect(areSameDisks([mute], [mute, mute])).toBe(false);
  expect(areSameDisks([], [])).toBe(true);
});
