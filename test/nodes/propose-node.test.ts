import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { addNode } from "../../src/inventory/edit.ts";
import { parseInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { machineReport } from "../../src/nodes/machine-report.ts";
import { proposeDisk } from "../../src/nodes/propose-disk.ts";
import { proposeNode, type Wishes } from "../../src/nodes/propose-node.ts";
import { reportedMac, reportJson } from "../fakes/machine-report.ts";

const site = readFileSync("inventory/site.yaml", "utf8");

type Site = Record<string, Record<string, Record<string, unknown>>>;

/** The example site, whose profiles are roles alone and whose nodes say the rest, with changes. */
function inventoryOf(change: (file: Site) => void = () => undefined): Inventory {
  const file = parse(site) as Site;
  const { nodes = {}, profiles = {}, networks } = file;
  for (const node of Object.values(nodes)) {
    const { role: _role, ...defaults } = profiles[String(node["profile"])] ?? {};
    const bmc = { ...(defaults["bmc"] as object), ...(node["bmc"] as object) };
    Object.assign(node, { ...defaults, ...node, bmc });
    for (const key of ["rack", "position", "serial", "uuid"]) delete node[key];
  }
  for (const [name, { role }] of Object.entries(profiles)) profiles[name] = { role };
  delete networks?.["production"]?.["vips"];
  change(file);
  const read = parseInventory(stringify(file), "inventory/site.yaml");
  if ("problems" in read) throw new Error(JSON.stringify(read.problems));
  return read.inventory;
}

const mac = reportedMac as Mac;
const reported = (changes: Readonly<Record<string, unknown>> = {}) => ({
  mac,
  address: "10.0.100.101" as Ipv4,
  report: machineReport.parse(reportJson(changes)),
});

function entryFor(
  wishes: Partial<Wishes> = {},
  machine: Parameters<typeof proposeNode>[1] = reported(),
  inventory = inventoryOf(),
) {
  const proposal = proposeNode(inventory, machine, { profile: "worker", ...wishes });
  if ("problem" in proposal) throw new Error(`${proposal.problem}: ${proposal.next}`);
  return proposal;
}

test("a machine that was looked at is written with what it says, and the loader takes it", () => {
  const { entry, remarks } = entryFor();
  expect(entry).toEqual({
    mac: reportedMac,
    profile: "worker",
    serial: "CZ1234567",
    uuid: "4c4c4544-0043-5a10-8031-b7c04f323334",
    firmware: "uefi",
    provisioningAddress: "10.0.100.81",
    productionAddress: "10.0.200.21",
    disk: { wwn: "0x55cd2e4150000001" },
    bmc: { address: "10.0.10.77", user: "admin", password: { env: "BMC_PASSWORD" } },
  });
  expect(remarks).toEqual([
    "disk: sda, the smallest of 2 that are built in",
    "bmc: user and password as node node04 has them",
  ]);
  const read = parseInventory(addNode(site, "node07", entry), "inventory/site.yaml");
  expect(read).toHaveProperty("inventory");
});

test("what the operator says himself counts", () => {
  const wishes = {
    ...{ firmware: "bios", provisioningAddress: "10.0.100.90", productionAddress: "10.0.200.90" },
    ...{ bmcAddress: "10.0.10.90", disk: { serial: "X" } },
  };
  expect(entryFor(wishes).entry).toMatchObject({
    firmware: "bios",
    provisioningAddress: "10.0.100.90",
    productionAddress: "10.0.200.90",
    disk: { serial: "X" },
    bmc: { address: "10.0.10.90" },
  });
});

test.each<[string, (file: Site) => void, Partial<Wishes>, string, string]>([
  [
    "behind the last of the role",
    () => undefined,
    { profile: "control-plane" },
    "10.0.100.53",
    "10.0.200.13",
  ],
  [
    "behind the last of all, where the role has none",
    ({ nodes }) => void delete nodes?.["node04"],
    {},
    "10.0.100.53",
    "10.0.200.13",
  ],
  [
    "past the pool, and past what is excluded from nothing",
    ({ nodes }) =>
      void Object.assign(nodes?.["node04"] ?? {}, { provisioningAddress: "10.0.100.99" }),
    {},
    "10.0.100.201",
    "10.0.200.21",
  ],
  [
    "past the addresses of others, and of services",
    ({ nodes, networks }) => {
      Object.assign(nodes?.["node03"] ?? {}, { provisioningAddress: "10.0.100.81" });
      Object.assign(networks?.["production"] ?? {}, { vips: { iam: "10.0.200.21" } });
    },
    {},
    "10.0.100.82",
    "10.0.200.22",
  ],
  [
    "from the network's beginning, where its end is used",
    ({ nodes }) =>
      void Object.assign(nodes?.["node04"] ?? {}, { provisioningAddress: "10.0.100.254" }),
    {},
    "10.0.100.2",
    "10.0.200.21",
  ],
])("the address is the next free one: %s", (_what, change, wishes, provisioning, production) => {
  const { entry } = entryFor(wishes, reported(), inventoryOf(change));
  expect(entry).toMatchObject({
    provisioningAddress: provisioning,
    productionAddress: production,
  });
});

test("in a full network the operator has to name an address", () => {
  const inventory = inventoryOf(({ networks, nodes }) => {
    Object.assign(networks?.["production"] ?? {}, {
      cidr: "10.0.200.8/29",
      gateway: "10.0.200.9",
      dns: ["8.8.8.8"],
    });
    const last = Object.values(nodes ?? {}) as Record<string, unknown>[];
    for (const [index, node] of last.entries())
      node["productionAddress"] = `10.0.200.${10 + index}`;
    const more = {
      ...last[0],
      mac: "52:54:00:00:00:99",
      provisioningAddress: "10.0.100.60",
      productionAddress: "10.0.200.14",
    };
    Object.assign(nodes ?? {}, {
      last: { ...more, bmc: { address: "10.0.10.60", user: "a", password: { env: "P" } } },
    });
  });
  expect(proposeNode(inventory, reported(), { profile: "worker" })).toMatchObject({
    problem: expect.stringContaining("production address"),
    next: expect.stringContaining("--production-address"),
  });
});

test("what the profile says is not written again", () => {
  const inventory = inventoryOf(({ profiles }) =>
    Object.assign(profiles?.["worker"] ?? {}, {
      firmware: "uefi",
      disk: { size: "smallest" },
      bmc: { user: "root", password: { env: "P" } },
    }),
  );
  const { entry, remarks } = entryFor({}, reported(), inventory);
  expect(Object.keys(entry)).not.toContain("firmware");
  expect(Object.keys(entry)).not.toContain("disk");
  expect(entry["bmc"]).toEqual({ address: "10.0.10.77" });
  expect(remarks).toEqual([]);
});

test.each([
  ["To Be Filled By O.E.M.", "03000200-0400-0500-0006-000700080009"],
  ["Not Specified", "00000000-0000-0000-0000-000000000000"],
  ["0123456789", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF".toLowerCase()],
  ["`id`", "no uuid"],
])("the serial %s and the UUID %s tell no machine from another", (serial, uuid) => {
  const { entry } = entryFor({}, reported({ system: { serial, uuid } }));
  expect(Object.keys(entry)).not.toContain("serial");
  expect(Object.keys(entry)).not.toContain("uuid");
});

test("a machine with Secure Boot on is written as one", () => {
  expect(entryFor({}, reported({ secureBoot: true })).entry).toHaveProperty("secureBoot", true);
});

test.each<[string, Partial<Wishes>, object, RegExp]>([
  ["an unknown profile", { profile: "storage" }, reported(), /no profile "storage"/],
  ["a machine without a BMC", {}, reported({ bmc: undefined }), /BMC address/],
  ["a machine without disks", {}, reported({ disks: [] }), /disk/],
  ["a machine that was only heard", {}, { mac, address: undefined, report: undefined }, /firmware/],
])("%s can't be written without more", (_what, wishes, machine, problem) => {
  const inventory = inventoryOf();
  const asked = machine as Parameters<typeof proposeNode>[1];
  const proposal = proposeNode(inventory, asked, { profile: "worker", ...wishes });
  expect(proposal).toHaveProperty("problem", expect.stringMatching(problem));
});

test("a machine that was only heard can be written when all is named", () => {
  const wishes = { firmware: "bios", disk: "/dev/sda", bmcAddress: "10.0.10.90" };
  const { entry } = entryFor(wishes, { mac, address: undefined, report: undefined });
  expect(entry).toMatchObject({ firmware: "bios", disk: "/dev/sda" });
});

const [nvme, sata] = machineReport.parse(reportJson()).disks;
const disks = (...changes: object[]) => ({
  disks: changes.map((change) => ({ ...sata, ...change })) as never,
});
const plain = { wwn: undefined, byId: [] };

test.each<[string, Parameters<typeof proposeDisk>[0], unknown, string | undefined]>([
  ["none", disks(), undefined, undefined],
  ["the only one", disks({}), { wwn: sata?.wwn }, "sda, the only one that is built in"],
  [
    "the smaller one",
    disks(nvme ?? {}, {}),
    { wwn: sata?.wwn },
    "sda, the smallest of 2 that are built in",
  ],
  [
    "one whose serial number the inventory would not take, by its name in by-id",
    disks({ wwn: undefined, serial: "S3'4", byId: ["ata-DISK_S3_4"] }),
    { id: "ata-DISK_S3_4" },
    "sda, the only one that is built in",
  ],
  [
    "no stick, however small",
    disks({ name: "sdb", transport: "usb", sizeBytes: 1, wwn: "0x2" }, {}),
    { wwn: sata?.wwn },
    "sda, the only one that is built in",
  ],
  ["nothing removable", disks({ removable: true }), undefined, undefined],
  [
    "one of two that are alike, by what tells them apart",
    disks({ wwn: "0x1", serial: "A" }, { name: "sdb", wwn: "0x1", serial: "B" }),
    { serial: "A" },
    "sda, the first of the smallest that are built in, which are of one size: look at it",
  ],
  [
    "a serial, where there is no WWN",
    disks({ wwn: undefined }),
    { serial: "PHYS1" },
    expect.anything(),
  ],
  [
    "a name by id, where there is neither",
    disks({ wwn: undefined, serial: undefined }),
    { id: "ata-INTEL_SSD_PHYS1" },
    expect.anything(),
  ],
  [
    "its path, where it says nothing",
    disks({ ...plain, serial: undefined }),
    "/dev/sda",
    expect.anything(),
  ],
  [
    "no WWN that the inventory would refuse",
    disks({ wwn: "has space" }),
    { serial: "PHYS1" },
    expect.anything(),
  ],
])("the disk that is proposed: %s", (_what, machine, disk, why) => {
  const proposed = proposeDisk(machine);
  expect(proposed?.disk).toEqual(disk);
  expect(proposed?.why).toEqual(why);
});
