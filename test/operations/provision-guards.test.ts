// What an operator, a machine or a cable may get wrong, through the runner: nothing may be written that was not approved.

import { expect, test } from "vitest";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Confirmation, Operation } from "../../src/operations/operation.ts";
import { provisionPlan } from "../../src/operations/provision.ts";
import { createRunner } from "../../src/operations/runner.ts";
import { notInstallable } from "../../src/operations/verbs/provision.ts";
import { aDisk } from "../fakes/machine-facts.ts";
import { type FakeMachine, type FakeRack, fakeRack, newProvisions } from "../fakes/rack.ts";

const name = "node01";

function machine(rack: FakeRack): FakeMachine {
  const found = rack.machines.get(name);
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

/** The rack with its first node declared otherwise. */
function declaredAs(rack: FakeRack, over: Partial<Node>): FakeRack {
  const before = rack.tools.inventory();
  const nodes = before.nodes.map((node) => (node.name === name ? { ...node, ...over } : node));
  const inventory: Inventory = { ...before, nodes };
  return { ...rack, tools: { ...rack.tools, inventory: () => inventory } };
}

async function provision(rack: FakeRack, confirmed?: Partial<Confirmation>): Promise<Operation> {
  const { tools } = rack;
  const nodeOf = (wanted: string) => {
    const node = tools.inventory().nodes.find((candidate) => candidate.name === wanted);
    if (node === undefined) throw new Error(`no node ${wanted}`);
    return node;
  };
  const runner = createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes, clock: rack.clock },
    plan: (operation) => provisionPlan(tools, operation, nodeOf(operation.node)),
    basis: tools.inventory,
    atomically: (work) => rack.database.transaction(work)(),
    isDiskFull: () => false,
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: (_operation, error) => {
      throw error;
    },
  });
  const typed = { eraseData: false, diskSerials: [], ...confirmed };
  const [operation] = newProvisions(
    tools,
    [nodeOf(name)],
    rack.clock.now(),
    confirmed === undefined ? new Map() : new Map([[name, typed]]),
  );
  if (operation === undefined) throw new Error("no operation");
  runner.submit([operation]);
  while (tools.operations.runningFor(name) !== undefined)
    await new Promise((resolve) => setImmediate(resolve));
  const ended = tools.operations.operation(operation.id);
  if (ended === undefined) throw new Error("the operation is gone");
  return ended;
}

/** A rack whose first node was installed from here, and whose operation then failed. */
async function installedOnce(): Promise<FakeRack> {
  const rack = fakeRack();
  machine(rack).fault = "never-joins";
  await provision(rack);
  Object.assign(machine(rack), { fault: "none", disk: "blank", power: "off" });
  machine(rack).target = { ...machine(rack).target, contents: ["gpt partition table"] };
  return rack;
}

const evidenceOf = (operation: Operation, step: string) =>
  operation.steps.find(({ id }) => id === step)?.evidence;

test("the disk is found, shown and kept before anything is written, and the record is of that disk", async () => {
  const rack = fakeRack();
  const operation = await provision(rack);
  expect(operation.status).toBe("done");
  expect(evidenceOf(operation, "installer")).toMatchObject({
    summary: "/dev/sda (480.1 GB, serial SER-node01), blank",
    disks: [{ device: "/dev/sda", serial: "SER-node01", contents: [] }],
    installer: { macs: [expect.any(String)] },
  });
  expect(machine(rack).named).toBe("/dev/sda");
  expect(rack.tools.nodes.lastInstall(name)).toMatchObject({
    selector: expect.stringMatching(/^\//),
    disks: [{ serial: "SER-node01" }],
  });
  expect(rack.tools.nodes.machine(name)?.facts.disks[0]?.serial).toBe("SER-node01");
  const [wiped] = rack.tools.nodes
    .events({ node: name, limit: 100 })
    .filter(({ kind }) => kind === "wipe-started");
  expect(wiped?.detail["disks"]).toMatchObject([{ serial: "SER-node01" }]);
});

test("an installer's clock that was far off is set before anything is written, and the timeline says so", async () => {
  const clock = { offSeconds: -172_800, outcome: "set" } as const;
  const rack = withMachine(fakeRack(), { clock });
  const operation = await provision(rack);
  expect(evidenceOf(operation, "install")).toMatchObject({ clock });
  const kinds = rack.tools.nodes.events({ node: name, limit: 100 });
  const of = (kind: string) => kinds.findIndex((event) => event.kind === kind);
  expect(kinds[of("clock-corrected")]?.detail).toEqual({ operation: operation.id, ...clock });
  expect(of("clock-corrected")).toBeLessThan(of("wipe-started"));
  const right = fakeRack();
  await provision(right);
  expect(
    right.tools.nodes.events({ node: name, limit: 100 }).map(({ kind }) => kind),
  ).not.toContain("clock-corrected");
});

/** The same rack, its first machine otherwise than it was. */
function withMachine(rack: FakeRack, over: Partial<FakeMachine>): FakeRack {
  Object.assign(machine(rack), over);
  return rack;
}

const data = ["ext4"];
const luks: Node["layout"] = {
  ...{ kind: "luks", threshold: 1 },
  tang: [{ url: "http://10.0.100.7", thumbprint: "a".repeat(43) }],
};

test.each<[string, string, (rack: FakeRack) => FakeRack, RegExp]>([
  ["a protected node", "check", (rack) => declaredAs(rack, { protected: true }), /is protected/],
  [
    "a disk to be encrypted",
    "check",
    (rack) => declaredAs(rack, { layout: luks }),
    /layout luks, .*neither its passphrase nor root\.jwe/,
  ],
  [
    "data that nobody knows",
    "installer",
    (rack) => withMachine(rack, { target: aDisk("sda", { contents: data }) }),
    /holds ext4, and no install from here/,
  ],
  [
    "a disk that changed between approval and install",
    "install",
    (rack) => withMachine(rack, { targetBeforeInstall: aDisk("sda", { serial: "OTHER" }) }),
    /approved for .*SER-node01.*right before the install the disk is .*OTHER/,
  ],
  [
    "a disk whose size changed between approval and install",
    "install",
    (rack) =>
      withMachine(rack, { targetBeforeInstall: { ...machine(rack).target, sizeBytes: 1e12 } }),
    /1000\.0 GB/,
  ],
  [
    "a flake that formats another disk",
    "install",
    (rack) =>
      withMachine(rack, {
        flake: { kind: "failed", reason: "formats /dev/sdb", next: "generate" },
      }),
    /^formats \/dev\/sdb$/,
  ],
])("%s is refused at %s, and nothing is written", async (_name, stage, prepare, reason) => {
  const rack = fakeRack();
  const operation = await provision(prepare(rack));
  expect(operation.failure?.stage).toBe(stage);
  expect(operation.failure?.reason).toMatch(reason);
  expect(machine(rack)).toMatchObject({ wipes: 0, disk: "blank", power: "off" });
  expect(rack.tools.nodes.lastInstall(name)).toBeUndefined();
});

test("a node whose key its owner would not get is refused when it is ordered, and before anything is touched", async () => {
  const rack = fakeRack();
  const before = rack.tools.inventory();
  const [first] = before.nodes;
  if (first === undefined) throw new Error("the example site declares no node");
  const node = { ...first, name: "machine01" };
  rack.machines.set(node.name, machine(rack));
  const inventory = {
    ...{ ...before, nodes: [node, ...before.nodes.slice(1)] },
    pki: { ...before.pki, keyOwner: "400:401" },
  };
  const tools = { ...rack.tools, inventory: () => inventory };
  const reason = expect.stringMatching(
    /pki\.keyOwner is 400:401, .*\/machine01-key\.pem of node machine01 after 35 characters/,
  );
  expect(notInstallable(tools, node)).toMatchObject([{ reason }]);
  const [operation] = newProvisions(rack.tools, [first], 0);
  if (operation === undefined) throw new Error("no operation");
  const { steps } = provisionPlan(tools, operation, node);
  const check = steps.find(({ id }) => id === "check");
  const { signal } = new AbortController();
  expect(await check?.run({ operation, evidence: {}, nowMs: 0 }, signal)).toMatchObject({
    ...{ kind: "failed", reason },
  });
  expect(machine(rack)).toMatchObject({ wipes: 0, power: "off" });
});

test.each<[string, Partial<Confirmation> | undefined, boolean]>([
  ["without a word", undefined, false],
  ["with another word", { diskSerials: ["SER-node01"] }, false],
  ["with the name typed twice", { eraseData: true }, true],
])("a disk that holds somebody's data, %s", async (_name, confirmed, goesThrough) => {
  const rack = fakeRack();
  machine(rack).target = { ...machine(rack).target, contents: ["LVM2_member"] };
  const operation = await provision(rack, confirmed);
  expect(operation.status).toBe(goesThrough ? "done" : "failed");
  expect(machine(rack).wipes).toBe(goesThrough ? 1 : 0);
});

test("what was installed from here may be installed over", async () => {
  const rack = await installedOnce();
  const operation = await provision(rack);
  expect(operation.status).toBe("done");
  expect(evidenceOf(operation, "installer")?.["summary"]).toMatch(/what was installed from here$/);
});

test.each<[string, Partial<Confirmation> | undefined, RegExp | undefined]>([
  ["is refused", undefined, /serial NEW\) and was .*serial SER-node01\) at the last install/],
  ["is refused with the old one's serial number", { diskSerials: ["SER-node01"] }, /--disk-serial/],
  ["is installed once its serial number is typed", { diskSerials: ["NEW"] }, undefined],
])("a blank disk in place of the one before %s", async (_name, confirmed, reason) => {
  const rack = await installedOnce();
  machine(rack).target = aDisk("sda", { serial: "NEW" });
  const operation = await provision(rack, confirmed);
  expect(operation.status).toBe(reason === undefined ? "done" : "failed");
  if (reason !== undefined) expect(operation.failure?.reason).toMatch(reason);
  expect(machine(rack).wipes).toBe(reason === undefined ? 2 : 1);
});

test("another machine that took a node's place is a stranger while it is on, though the node was installed before", async () => {
  const rack = await installedOnce();
  machine(rack).power = "on";
  const swapped = declaredAs(rack, { mac: "52:54:00:99:99:99" as Node["mac"] });
  const refused = await provision(swapped);
  expect(refused.failure).toMatchObject({
    stage: "check",
    reason: expect.stringMatching(/52:54:00:99:99:99.* is powered on and was never installed/),
  });
  expect(machine(rack)).toMatchObject({ power: "on", wipes: 1 });
  // The one that was installed is ours to switch off.
  expect((await provision(rack)).failure?.reason ?? "").not.toMatch(/never installed/);
});

test("a machine whose serial number changed behind its MAC is told of", async () => {
  const rack = await installedOnce();
  machine(rack).serial = "CZ1";
  await provision(rack);
  const changes = () =>
    rack.tools.nodes
      .events({ node: name, limit: 1000 })
      .filter(({ kind }) => kind === "machine-changed");
  // Where nothing was known before there is no change.
  expect(changes()).toEqual([]);
  rack.database.prepare("UPDATE nodes SET state = 'failed' WHERE name = ?").run(name);
  Object.assign(machine(rack), { disk: "blank", power: "off", serial: "CZ2" });
  const operation = await provision(rack);
  expect(changes()[0]?.detail).toMatchObject({ was: "CZ1", is: "CZ2" });
  expect(evidenceOf(operation, "installer")?.["summary"]).toMatch(/serial number was CZ1 before$/);
});

test("an inventory that becomes protected while the installer runs stops the install", async () => {
  const rack = fakeRack();
  const free = rack.tools.inventory;
  const locked = declaredAs(rack, { protected: true }).tools.inventory;
  const seen = {
    ...rack,
    tools: { ...rack.tools, inventory: () => (armed(rack) ? locked() : free()) },
  };
  const operation = await provision(seen);
  expect(operation.failure?.reason).toMatch(/protected meanwhile/);
  expect(machine(rack).wipes).toBe(0);
});

/** The rack, where `happen` happens while the flake of its first machine is read for the first time. */
function whileTheFlakeIsRead(rack: FakeRack, happen: () => void): [FakeRack, () => number] {
  let asked = 0;
  const installation: FakeRack["tools"]["installation"] = (node, id) => ({
    ...rack.tools.installation(node, id),
    flakeDisks: async () => {
      asked += 1;
      if (asked === 1) happen();
      return machine(rack).flake;
    },
  });
  return [{ ...rack, tools: { ...rack.tools, installation } }, () => asked];
}

test.each<[string, FakeMachine["flake"], string]>([
  ["equal", { kind: "same", devices: ["/dev/sda", "/dev/sdb"] }, "/dev/sda and /dev/sdb"],
  [
    "unknown",
    { kind: "not-compared", why: "there is no nix here" },
    "not compared: there is no nix here",
  ],
])("the step keeps what the flake formats: %s", async (_name, flake, kept) => {
  const rack = withMachine(fakeRack(), { flake });
  const [seen, asked] = whileTheFlakeIsRead(rack, () => undefined);
  const operation = await provision(seen);
  expect(operation.status).toBe("done");
  expect(evidenceOf(operation, "install")?.["flakeDisks"]).toBe(kept);
  expect([asked(), machine(rack).wipes]).toEqual([1, 1]);
});

test("a permission that runs out while the flake is read is not used", async () => {
  const rack = fakeRack();
  const intentMs = rack.tools.inventory().timeouts.intentSeconds * 1000;
  const [seen] = whileTheFlakeIsRead(rack, () => rack.clock.advance(intentMs));
  const operation = await provision(seen);
  expect(operation.failure).toMatchObject({
    stage: "install",
    reason: expect.stringContaining("ran out"),
  });
  expect(machine(rack).wipes).toBe(0);
});

test("an inventory that changes while the flake is read has the flake asked again", async () => {
  const rack = fakeRack();
  let inventory = rack.tools.inventory();
  const [seen, asked] = whileTheFlakeIsRead(rack, () => {
    inventory = { ...inventory };
  });
  const operation = await provision({
    ...seen,
    tools: { ...seen.tools, inventory: () => inventory },
  });
  expect(operation.status).toBe("done");
  expect([asked(), machine(rack).wipes]).toEqual([2, 1]);
});

/** The rack, and what happens while the installer is asked for its disks, between approval and the first byte. */
function whileDisksAreNamed(rack: FakeRack, happens: () => void): FakeRack {
  const installation: FakeRack["tools"]["installation"] = (node, id) => {
    const install = rack.tools.installation(node, id);
    const nameDisks: typeof install.nameDisks = async (disks, signal) => {
      happens();
      return await install.nameDisks(disks, signal);
    };
    return { ...install, nameDisks };
  };
  return { ...rack, tools: { ...rack.tools, installation } };
}

test.each<[string, Partial<Node>, RegExp]>([
  ["protected", { protected: true }, /protected meanwhile: nothing was written/],
  ["of another disk", { disk: { path: "/dev/sdb" } }, /the inventory now says \/dev\/sdb of/],
  ["of another MAC", { mac: "52:54:00:99:99:99" as Node["mac"] }, /of 52:54:00:99:99:99$/],
  [
    "a mirror",
    { layout: { kind: "mirror", second: { path: "/dev/sdb" } } },
    /says \/dev\/\S+ and \/dev\/sdb of/,
  ],
])(
  "a node that becomes %s between the last look and the first byte is not written to",
  async (_, over, reason) => {
    const rack = fakeRack();
    let inForce = rack.tools.inventory();
    const changed = declaredAs(rack, over).tools.inventory();
    const named = whileDisksAreNamed(rack, () => {
      inForce = changed;
    });
    const operation = await provision({
      ...named,
      tools: { ...named.tools, inventory: () => inForce },
    });
    expect(operation.failure).toMatchObject({
      stage: "install",
      reason: expect.stringMatching(reason),
    });
    expect(machine(rack).wipes).toBe(0);
    expect(rack.tools.nodes.intent(name)?.consumedAtMs).toBeUndefined();
  },
);

test("a permission that runs out while the installer is asked for its disks allows nothing", async () => {
  const rack = fakeRack();
  const expiresAtMs = () => rack.tools.nodes.intent(name)?.expiresAtMs ?? 0;
  const late = whileDisksAreNamed(rack, () => rack.clock.advance(expiresAtMs()));
  const operation = await provision(late);
  expect(operation.failure?.reason).toMatch(/permission of node node01 ran out/);
  expect(machine(rack).wipes).toBe(0);
});

function armed(rack: FakeRack): boolean {
  return rack.tools.nodes.intent(name)?.resolved !== undefined;
}
