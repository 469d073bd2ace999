import { expect, test } from "vitest";
import type { Judgement } from "../../src/cluster/judge.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { InstallIntent } from "../../src/nodes/ports.ts";
import { inventoryRefusals, type MachineFacts } from "../../src/operations/inventory-guard.ts";
import { exampleInventory } from "../fakes/rack.ts";

const site = exampleInventory();
const nowMs = 1_000_000;

const withNode02 = (change: (node: Node) => Node[]): Inventory => ({
  ...site,
  nodes: site.nodes.flatMap((node) => (node.name === "node02" ? change(node) : [node])),
});
const without = withNode02(() => []);
const otherMac = withNode02((node) => [{ ...node, mac: "52:54:00:99:99:99" as Mac }]);
const otherDisk = withNode02((node) => [{ ...node, disk: { path: "/dev/sdb" } }]);
const fewerServices = withNode02((node) => [{ ...node, services: ["chainfire"] }]);
const otherGroup = withNode02((node) => [{ ...node, powerGroup: "pdu-2" }]);

const idle: MachineFacts = {
  operation: () => undefined,
  retiring: () => false,
  awaitsHardware: () => false,
  powerJob: () => undefined,
  intent: () => undefined,
  state: () => "registered",
  clusterFormed: true,
  cluster: [],
  nowMs,
};
const operating = { operation: (node: string) => (node === "node02" ? "op-1" : undefined) };
const intent = (changes: Partial<InstallIntent> = {}) => ({
  intent: (node: string) =>
    node === "node02"
      ? ({
          ...{ id: "intent-1", node, mac: site.nodes[1]?.mac as Mac, disk: "/dev/sda" },
          ...{ operation: "op-1", armedAtMs: 0, expiresAtMs: nowMs + 1, consumedAtMs: undefined },
          ...changes,
        } satisfies InstallIntent)
      : undefined,
});
const powered = { powerJob: (node: string) => (node === "node02" ? "job-1" : undefined) };
const active = { state: () => "active" as const };
const layer = (verdict: Judgement["verdict"], ...members: [string, "follower" | "learner"][]) =>
  ({
    ...{ layer: "chainfire", verdict },
    members: members.map(([id, role]) => ({ id, role, raftAddress: "", status: "healthy" })),
  }) as unknown as Judgement;
const seenBeside = { cluster: [layer("healthy", ["node01", "follower"])] };

test("the operation that retires a node may take it out, and may change nothing else of it", () => {
  const retiring = { ...operating, retiring: (node: string) => node === "node02" };
  expect(inventoryRefusals(site, without, { ...idle, ...retiring })).toEqual([]);
  expect(inventoryRefusals(site, otherMac, { ...idle, ...retiring })[0]?.reason).toMatch(
    /node02 can't be given the MAC .*: the operation op-1 runs/,
  );
  expect(
    inventoryRefusals(site, without, { ...idle, ...retiring, ...seenBeside, ...active }),
  ).toEqual([]);
});

test("a replacement that waits for its machine lets the entry become that machine's, and not go", () => {
  const waiting = { ...operating, awaitsHardware: (node: string) => node === "node02" };
  for (const other of [otherMac, otherDisk])
    expect(inventoryRefusals(site, other, { ...idle, ...waiting })).toEqual([]);
  expect(inventoryRefusals(site, without, { ...idle, ...waiting })[0]?.reason).toMatch(
    /node02 can't be removed: the operation op-1 runs/,
  );
});

test.each<[string, Inventory, Partial<MachineFacts>, RegExp, RegExp]>([
  [
    "an operation runs for",
    without,
    operating,
    /can't be removed: the operation op-1 runs/,
    /cancel op-1/,
  ],
  [
    "an operation runs for",
    otherMac,
    operating,
    /given the MAC 52:54:00:99:99:99: the op/,
    /cancel/,
  ],
  [
    "an operation runs for",
    otherDisk,
    operating,
    /given the disk \/dev\/sdb: the operation/,
    /cancel/,
  ],
  [
    "an operation runs for",
    fewerServices,
    operating,
    /given the services chainfire: the operation/,
    /cancel/,
  ],
  [
    "is armed",
    without,
    intent(),
    /can't be removed: it is armed .* until 1970-01-01T00:16:40/,
    /op-1/,
  ],
  ["is armed", otherMac, intent(), /given the MAC .*: it is armed/, /cancel op-1/],
  ["is armed", otherDisk, intent(), /given the disk .*: it is armed/, /cancel op-1/],
  ["is being switched", without, powered, /the power job job-1 is at work/, /power show job-1/],
  [
    "is a voter",
    without,
    { cluster: [layer("healthy", ["node02", "follower"])] },
    /node02 can't be removed: it is a voter of chainfire$/,
    /rackstrap decommission node0\d/,
  ],
  [
    "is a learner",
    without,
    { cluster: [layer("degraded", ["node02", "learner"])] },
    /a learner of chainfire/,
    /rackstrap decommission node0\d/,
  ],
  [
    "was active when last seen",
    without,
    active,
    /it is active, and the cluster can't be seen/,
    /rackstrap decommission node02/,
  ],
  [
    "was active, in a cluster without a majority",
    without,
    { ...active, cluster: [layer("no-quorum", ["node01", "follower"])] },
    /may be a voter/,
    /start the server again/,
  ],
])("a node that %s is not taken away or made another", (_, to, facts, reason, next) => {
  expect(inventoryRefusals(site, to, { ...idle, ...facts })).toEqual([
    { node: "node02", reason: expect.stringMatching(reason), next: expect.stringMatching(next) },
  ]);
});

const asRedfish = (bmc: Node["bmc"]): Node["bmc"] => ({
  ...{ kind: "redfish", address: bmc.address, user: "admin", password: bmc.password, port: 443 },
  ...{ trust: { insecure: "unchecked" }, authentication: "session" },
});

test.each<[string, (node: Node) => Partial<Node>]>([
  [
    "the BMC 10.0.10.99 (ipmi, port 623)",
    ({ bmc }) => ({ bmc: { ...bmc, address: "10.0.10.99" as Ipv4 } }),
  ],
  ["(ipmi, port 6230)", ({ bmc }) => ({ bmc: { ...bmc, port: 6230 } })],
  ["(redfish, port 443)", ({ bmc }) => ({ bmc: asRedfish(bmc) })],
  ["the provisioning address 10.0.100.99", () => ({ provisioningAddress: "10.0.100.99" as Ipv4 })],
  ["the production address 10.0.200.99", () => ({ productionAddress: "10.0.200.99" as Ipv4 })],
  ["another layout (mirror)", () => ({ layout: { kind: "mirror", second: { path: "/dev/sdb" } } })],
  [
    "another layout (lvm)",
    () => ({ layout: { kind: "lvm", volumes: { root: { size: "50G", mountpoint: "/" } } } }),
  ],
  ["the firmware", ({ firmware }) => ({ firmware: firmware === "bios" ? "uefi" : "bios" })],
  [
    "the MAC 52:54:00:99:99:99 and the disk /dev/sdb",
    () => ({ mac: "52:54:00:99:99:99" as Mac, disk: { path: "/dev/sdb" } }),
  ],
])("a node is not given %s while it is installed or armed, and is otherwise", (what, change) => {
  const to = withNode02((node) => [{ ...node, ...change(node) }]);
  const refusals = [operating, intent()].map((facts) =>
    inventoryRefusals(site, to, { ...idle, ...facts }),
  );
  for (const [refusal, ...others] of refusals) {
    expect(others).toEqual([]);
    expect(refusal?.reason).toContain("node02 can't be given ");
    expect(refusal?.reason).toContain(what);
    expect(refusal?.next).toMatch(/operations cancel op-1$/);
  }
  expect(inventoryRefusals(site, to, idle)).toEqual([]);
});

test("a password of a BMC changes while its node is installed", () => {
  const to = withNode02((node) => [
    { ...node, bmc: { ...node.bmc, password: { file: "/run/other" } } } as Node,
  ]);
  expect(inventoryRefusals(site, to, { ...idle, ...operating })).toEqual([]);
});

test.each<[string, Inventory, Partial<MachineFacts>]>([
  ["a node that nobody is at work on leaves", without, {}],
  ["a node in another power group while it is installed", otherGroup, operating],
  ["another MAC while it is switched", otherMac, powered],
  ["an intent that is used up", without, intent({ consumedAtMs: nowMs })],
  ["an intent that is over", without, intent({ expiresAtMs: nowMs })],
  ["an active node that the cluster shows it has no more", without, { ...active, ...seenBeside }],
  [
    "a node that failed before there was a cluster",
    without,
    { state: () => "failed", clusterFormed: false },
  ],
  ["the same again", site, { ...operating, ...intent(), ...powered, ...active }],
])("nothing stands against: %s", (_, to, facts) => {
  expect(inventoryRefusals(site, to, { ...idle, ...facts })).toEqual([]);
});

test("a cluster that was formed keeps its name, for its voters are known by it", () => {
  const to = { ...site, cluster: { ...site.cluster, name: "other" } };
  expect(inventoryRefusals(site, to, idle)).toEqual([
    {
      reason: `the cluster can't be renamed from ${site.cluster.name} to other: it was formed as ${site.cluster.name}, and its voters are known by that name`,
      next: expect.stringContaining(`set cluster.name to ${site.cluster.name} again`),
    },
  ]);
  expect(inventoryRefusals(site, to, { ...idle, clusterFormed: false })).toEqual([]);
});

test("a cluster that was formed keeps its layers, for their voters are counted", () => {
  const to = { ...site, cluster: { ...site.cluster, layers: ["chainfire" as const] } };
  expect(inventoryRefusals(site, to, idle)).toEqual([
    {
      reason:
        "flaredb can't be taken out of cluster.layers: the cluster was formed with it, and its voters are counted",
      next: expect.stringContaining("put flaredb back"),
    },
  ]);
  expect(inventoryRefusals(site, to, { ...idle, clusterFormed: false })).toEqual([]);
  expect(inventoryRefusals(to, site, idle)).toEqual([]);
});
