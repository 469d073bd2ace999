import { describe, expect, test } from "vitest";
import type { Node } from "../../src/inventory/schema.ts";
import { isDiskFull } from "../../src/net/disk-full.ts";
import { machineReport } from "../../src/nodes/machine-report.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { provisionPlan } from "../../src/operations/provision.ts";
import type { Step } from "../../src/operations/result.ts";
import { type Clock, createRunner, type Runner } from "../../src/operations/runner.ts";
import { openDatabase } from "../../src/store/database.ts";
import { withoutLayers } from "../fakes/living-rack.ts";
import { reportJson } from "../fakes/machine-report.ts";
import { manualClock } from "../fakes/manual-clock.ts";
import {
  exampleInventory,
  type FakeMachine,
  type FakeRack,
  fakeRack,
  newProvisions,
} from "../fakes/rack.ts";

function start(rack: FakeRack, clock: Clock = rack.clock, abandoned: string[] = []): Runner {
  const { tools } = rack;
  return createRunner({
    operations: tools.operations,
    nodes: tools.nodes,
    plan: (operation) => provisionPlan(tools, operation, nodeOf(rack, operation.node)),
    basis: rack.tools.inventory,
    atomically: (work) => rack.database.transaction(work)(),
    clock,
    isDiskFull: () => false,
    elapsed: clock.now,
    accompany: async () => undefined,
    stopAbandoned: async (id) => void abandoned.push(id),
    onFault: (_operation, error) => {
      throw error;
    },
  });
}

function nodeOf(rack: FakeRack, name: string): Node {
  const node = rack.tools.inventory().nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

function machine(rack: FakeRack, name: string): FakeMachine {
  const found = rack.machines.get(name);
  if (found === undefined) throw new Error(`no machine ${name}`);
  return found;
}

async function settled(rack: FakeRack): Promise<Operation[]> {
  while (rack.tools.operations.operations({ running: true }).length > 0)
    await new Promise((resolve) => setImmediate(resolve));
  return rack.tools.operations.operations({ running: false });
}

async function provision(rack: FakeRack, names: readonly string[]): Promise<Operation[]> {
  const nodes = names.map((name) => nodeOf(rack, name));
  start(rack).submit(newProvisions(rack.tools, nodes, 1_000_000));
  return await settled(rack);
}

const threeNodes = ["node01", "node02", "node03"];

test("turns three blank machines into active nodes, one bootstrap and one wipe each", async () => {
  const rack = fakeRack();
  const operations = await provision(rack, threeNodes);
  expect(operations.map((operation) => operation.status)).toEqual(["done", "done", "done"]);
  expect(threeNodes.map((name) => rack.tools.nodes.node(name).state)).toEqual(
    Array(3).fill("active"),
  );
  expect(threeNodes.map((name) => machine(rack, name).membership?.kind)).toEqual([
    "bootstrap",
    "join",
    "join",
  ]);
  for (const name of threeNodes) {
    const wipes = rack.tools.nodes
      .events({ node: name, limit: 1000 })
      .filter((event) => event.kind === "wipe-started");
    expect(wipes).toHaveLength(1);
    expect(machine(rack, name).wipes).toBe(1);
    expect(machine(rack, name).pxeOnce).toBe(true);
  }
});

test("no more machines than the limit are installed at one time, and the one that forms the cluster comes first", async () => {
  const rack = fakeRack();
  const before = rack.tools.inventory();
  const inventory = { ...before, limits: { ...before.limits, installsAtOnce: 1 } };
  const limited = { ...rack, tools: { ...rack.tools, inventory: () => inventory } };
  const operations = await provision(limited, ["node03", "node02", "node01"]);
  expect(operations.map(({ status }) => status)).toEqual(["done", "done", "done"]);
  const order = rack.tools.nodes
    .events({ limit: 1000 })
    .filter(({ kind }) => kind === "install-armed" || kind === "disk-booted")
    .map(({ kind, node }) => `${node} ${kind}`);
  expect(order).toEqual(
    ["node01", "node03", "node02"].flatMap((name) => [
      `${name} install-armed`,
      `${name} disk-booted`,
    ]),
  );
});

test("a node provisioned later joins the living cluster through its leader", async () => {
  const rack = fakeRack();
  await provision(rack, threeNodes);
  await provision(rack, ["node04"]);
  expect(machine(rack, "node04").membership).toEqual({
    kind: "join",
    leader: "node01.example.com",
  });
});

test.each([
  ["bmc-password", "check", /password of user admin is refused/, /power status node02/],
  [
    "no-network-boot",
    "network",
    /node02 \(.*\) was switched on twice and asked for no address within 300 s/,
    /explain node02/,
  ],
  [
    "no-installer",
    "installer",
    /port 22 does not answer; last sign: dhcp-offered/,
    /explain node02/,
  ],
  ["ignores-host-key", "installer", /shows another SSH host key/, /install\.hostKey: first-use/],
  ["wrong-machine", "installer", /another machine answers/, /check the MAC/],
  ["install-fails", "install", /disk busy/, /netboot the node again .*installer-journal\.log/],
  [
    "never-joins",
    "join",
    /node02 is no member of chainfire yet \(members: node01, node03\)/,
    /journalctl/,
  ],
] as const)(
  "a node with %s fails at %s, named with reason and remedy, and the others become active",
  async (fault, stage, reason, next) => {
    const rack = fakeRack();
    machine(rack, "node02").fault = fault;
    const operations = await provision(rack, threeNodes);
    const ofNode02 = operations.find((operation) => operation.node === "node02");
    expect(ofNode02?.status).toBe("failed");
    expect(ofNode02?.failure?.stage).toBe(stage);
    expect(ofNode02?.failure?.reason).toMatch(reason);
    expect(ofNode02?.failure?.next).toMatch(next);
    expect(machine(rack, "node02").stops).toBeGreaterThan(0);
    expect(rack.tools.nodes.node("node01").state).toBe("active");
    expect(rack.tools.nodes.node("node03").state).toBe("active");
    expect(rack.tools.nodes.node("node02").state).toBe(
      fault === "bmc-password" ? "registered" : "failed",
    );
  },
);

test("another host key is an earlier system's as long as the machine has not fetched its keys", async () => {
  const rack = fakeRack();
  machine(rack, "node02").fault = "earlier-system";
  const operations = await provision(rack, ["node02"]);
  expect(operations[0]?.failure?.reason).toMatch(
    /^not done after \d+ s: .*another SSH host key; last sign: dhcp-offered/,
  );
});

test("the installer's host key is there before its machine may fetch it", async () => {
  const rack = fakeRack();
  await provision(rack, ["node01"]);
  expect(machine(rack, "node01").stateAtHostKey).toBe("registered");
});

test("refuses a machine that is powered on and was never installed from here", async () => {
  const rack = fakeRack();
  machine(rack, "node01").power = "on";
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.failure?.reason).toMatch(/powered on and was never installed/);
  expect(machine(rack, "node01").power).toBe("on");
});

test("a machine without the inventory's disk fails at its installer, and its record says that it is the disk", async () => {
  const rack = fakeRack();
  const { installation } = rack.tools;
  const reason = "the machine has no disk /dev/sdx; it has /dev/sda: nothing was written";
  Object.assign(rack.tools, {
    installation: (...args: Parameters<typeof installation>) => ({
      ...installation(...args),
      find: async () => ({ kind: "other-disks", reason, next: "correct the disk" }),
    }),
  });
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.failure).toMatchObject({ stage: "installer", reason });
  expect(operation?.steps.find(({ id }) => id === "installer")?.evidence["problem"]).toBe("disk");
  expect(machine(rack, "node01").wipes).toBe(0);
});

/** What the image said before the machine was declared as `identity`, and, `waitsMs` later, that it waits. */
async function provisionWaiting({
  identity = { serial: reportJson().system.serial } as Pick<Node, "serial" | "uuid">,
  reports = true,
  signals = true,
  waitsMs = 30_000,
  silentMs = 30_000,
}) {
  const rack = fakeRack();
  const bootMac = nodeOf(rack, "node01").mac;
  const inventory = rack.tools.inventory();
  const nodes = inventory.nodes.map((node) =>
    node.name === "node01" ? { ...node, ...identity } : node,
  );
  machine(rack, "node01").power = "on";
  machine(rack, "node01").serial = identity.serial;
  if (reports)
    rack.tools.nodes.reportMachine("10.0.100.101", machineReport.parse(reportJson({ bootMac })));
  rack.clock.advance(waitsMs);
  if (signals) rack.tools.nodes.noteWaiting(bootMac);
  rack.clock.advance(silentMs);
  // One object as long as it is in force, as the server has it: another has the operation planned anew.
  const inForce = { ...inventory, nodes };
  const declared = { ...rack, tools: { ...rack.tools, inventory: () => inForce } };
  const [operation] = await provision(declared, ["node01"]);
  return { failure: operation?.failure, wipes: machine(rack, "node01").wipes };
}

describe("a machine that is powered on and was never installed from here", () => {
  const { serial, uuid } = reportJson().system;

  test("is installed where the discovery image waits that reported the entry's serial number", async () => {
    expect(await provisionWaiting({})).toEqual({ failure: undefined, wipes: 1 });
  });

  test.each<[string, Parameters<typeof provisionWaiting>[0], RegExp, RegExp]>([
    [
      "whose image has fallen silent",
      { silentMs: 120_000 },
      /it may be in use$/,
      /switch it off \(rackstrap power off node01\), then provision it$/,
    ],
    [
      "that was not heard after its report",
      { signals: false },
      /it may be in use$/,
      /switch it off/,
    ],
    [
      "that still says that it waits when the image must have switched it off",
      { waitsMs: 65 * 60_000, silentMs: 0 },
      /it may be in use$/,
      /switch it off/,
    ],
    ["that only says that it waits", { reports: false }, /it may be in use$/, /switch it off/],
    [
      "whose entry has neither serial number nor UUID",
      { identity: {} },
      /heard by its MAC 52:54:00:12:34:56, which anybody can set$/,
      /write the machine's serial number or UUID into its entry .*rackstrap discovered 52:54:00/,
    ],
    [
      "whose entry has what makers leave in place of a number",
      { identity: { serial: "To be filled by O.E.M." } },
      /which anybody can set$/,
      /write the machine's serial number or UUID into its entry/,
    ],
    [
      "whose image reported another serial number",
      { identity: { serial: "SN-other" } },
      /reported another serial number or UUID than its entry has$/,
      /correct serial and uuid of its entry/,
    ],
    [
      "whose image reported its serial number and another UUID",
      { identity: { serial, uuid: uuid.replace("4c4c", "0000") } },
      /reported another serial number or UUID/,
      /correct serial and uuid/,
    ],
  ])("is refused, one %s", async (_which, what, reason, next) => {
    const { failure, wipes } = await provisionWaiting(what);
    expect(failure?.reason).toMatch(/powered on and was never installed/);
    expect(failure?.reason).toMatch(reason);
    expect(failure?.next).toMatch(next);
    expect(wipes).toBe(0);
  });
});

test("leaves a machine on that may be a voter of a cluster which nobody can see", async () => {
  const rack = fakeRack();
  await provision(rack, threeNodes);
  for (const name of threeNodes) machine(rack, name).fault = "never-joins";
  rack.database.prepare("UPDATE nodes SET state = 'failed' WHERE name = 'node02'").run();
  expect(machine(rack, "node02").power).toBe("on");
  const [operation] = await provision(rack, ["node02"]);
  expect(operation?.failure?.reason).toMatch(/may be a voter that this server cannot reach/);
  expect(machine(rack, "node02")).toMatchObject({ power: "on", wipes: 1 });
});

test("what once reported, and is said to wait, may be a voter all the same when it was installed since", async () => {
  const rack = fakeRack();
  const { mac } = nodeOf(rack, "node02");
  const { serial } = reportJson().system;
  Object.assign(nodeOf(rack, "node02"), { serial });
  machine(rack, "node02").serial = serial;
  rack.tools.nodes.reportMachine("10.0.100.101", machineReport.parse(reportJson({ bootMac: mac })));
  await provision(rack, threeNodes);
  for (const name of threeNodes) machine(rack, name).fault = "never-joins";
  rack.database.prepare("UPDATE nodes SET state = 'failed' WHERE name = 'node02'").run();
  rack.tools.nodes.noteWaiting(mac);
  const [operation] = await provision(rack, ["node02"]);
  expect(operation?.failure?.reason).toMatch(/may be a voter that this server cannot reach/);
});

test("refuses an active node: provisioning it would destroy it", async () => {
  const rack = fakeRack();
  await provision(rack, threeNodes);
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.failure?.reason).toMatch(/node01 is active/);
  expect(machine(rack, "node01").wipes).toBe(1);
});

test("refuses to form a second cluster when the first was formed and nobody answers", async () => {
  const rack = fakeRack();
  await provision(rack, threeNodes);
  for (const name of threeNodes) machine(rack, name).fault = "never-joins";
  const [operation] = await provision(rack, ["node04"]);
  expect(operation?.failure?.reason).toMatch(/forming it again would make a second cluster/);
  expect(machine(rack, "node04").wipes).toBe(0);
});

test("does not form a cluster while something answers on its ports that is not understood", async () => {
  const rack = fakeRack();
  machine(rack, "node03").fault = "stranger-answers";
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.failure?.stage).toBe("membership");
  expect(operation?.failure?.reason).toMatch(
    /node03 answers on the ports of chainfire and is not understood/,
  );
  expect(machine(rack, "node01").wipes).toBe(0);
});

test("does not wipe a node to join a founder that nobody brings up", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "install-fails";
  await provision(rack, ["node01"]);
  const [operation] = await provision(rack, ["node02"]);
  expect(operation?.failure?.reason).toMatch(
    /node01 is to form cluster prod-cluster, and it is neither alive/,
  );
  expect(operation?.failure?.next).toMatch(/rackstrap provision node01 node02/);
  expect(machine(rack, "node02").wipes).toBe(0);
});

test("another founder forms the cluster when the first one was given up before anything was written to it", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "ignores-host-key";
  // As when it had come as far as that, and no further.
  rack.tools.clusters.claimBootstrap("prod-cluster", "node01");
  expect((await provision(rack, ["node01"]))[0]?.status).toBe("failed");
  expect(machine(rack, "node01").wipes).toBe(0);
  const operations = await provision(rack, ["node02", "node03"]);
  expect(operations.slice(0, 2).map(({ status }) => status)).toEqual(["done", "done"]);
  expect(rack.tools.clusters.claim("prod-cluster")?.node).toBe("node02");
  expect(machine(rack, "node02").membership?.kind).toBe("bootstrap");
  // It joins when it is there.
  machine(rack, "node01").fault = "none";
  expect((await provision(rack, ["node01"]))[0]?.status).toBe("done");
  expect(machine(rack, "node01").membership?.kind).toBe("join");
});

test("a founder that has left the inventory after it was installed is named, with the way to go on", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "install-fails";
  await provision(rack, ["node01"]);
  const { inventory } = rack.tools;
  const nodes = inventory().nodes.filter(({ name }) => name !== "node01");
  Object.assign(rack.tools, { inventory: () => ({ ...inventory(), nodes }) });
  const [operation] = await provision(rack, ["node02"]);
  expect(operation?.failure?.reason).toMatch(/^node node01 was to form cluster prod-cluster, and/);
  expect(operation?.failure?.next).toMatch(
    /rackstrap disaster-recover --bootstrap --cluster prod-cluster --on node02$/,
  );
  expect(machine(rack, "node02").wipes).toBe(0);
});

test("does not form the cluster again beside nodes that were installed for it and do not answer", async () => {
  const rack = fakeRack();
  for (const name of threeNodes) machine(rack, name).fault = "never-joins";
  await provision(rack, threeNodes);
  Object.assign(machine(rack, "node01"), { fault: "none", disk: "blank", power: "off" });
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.failure?.reason).toMatch(
    /node02, node03 was installed to be in cluster prod-cluster/,
  );
  expect(machine(rack, "node01").wipes).toBe(1);
});

test("a machine that was switched on for nothing is switched off, and can be provisioned again", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "no-installer";
  await provision(rack, ["node01"]);
  expect(machine(rack, "node01").power).toBe("off");
  machine(rack, "node01").fault = "none";
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.status).toBe("done");
});

test("a machine that is not heard is restarted once and then given up and switched off", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "no-network-boot";
  await provision(rack, ["node01"]);
  expect(machine(rack, "node01")).toMatchObject({ starts: 2, power: "off", wipes: 0 });
});

test("a machine that is heard after it was restarted is installed", async () => {
  const rack = fakeRack();
  const found = machine(rack, "node01");
  found.fault = "no-network-boot";
  const provisioned = provision(rack, ["node01"]);
  while (found.starts === 0) await new Promise((resolve) => setImmediate(resolve));
  found.fault = "none";
  expect((await provisioned)[0]?.status).toBe("done");
  expect(found).toMatchObject({ starts: 2, wipes: 1 });
});

test("a worker that runs none of the layers becomes active beside the cluster, and is no member", async () => {
  const site = withoutLayers(exampleInventory(), "node04");
  const rack = fakeRack(manualClock(), openDatabase(":memory:"), site);
  machine(rack, "node04").fault = "never-joins";
  const operations = await provision(rack, [...threeNodes, "node04"]);
  expect(operations.map(({ status }) => status)).toEqual(["done", "done", "done", "done"]);
  expect(rack.tools.nodes.node("node04").state).toBe("active");
  expect([...(rack.raft.members.get("chainfire")?.keys() ?? [])].toSorted()).toEqual(threeNodes);
});

test("a single node becomes active: there is nobody else to read its writes", async () => {
  const rack = fakeRack();
  const [operation] = await provision(rack, ["node01"]);
  expect(operation?.status).toBe("done");
});

test("an operation whose node left the inventory fails alone and the others go on", async () => {
  const rack = fakeRack();
  const nodes = threeNodes.map((name) => nodeOf(rack, name));
  rack.tools.operations.create(newProvisions(rack.tools, nodes, 1_000_000));
  const without = {
    ...rack.tools.inventory(),
    nodes: nodes.filter((node) => node.name !== "node03"),
  };
  const gone = { ...rack, tools: { ...rack.tools, inventory: () => without } };
  const abandoned: string[] = [];
  start(gone, rack.clock, abandoned).resume();
  const operations = await settled(rack);
  expect(operations.map(({ node, status }) => `${node} ${status}`)).toEqual([
    "node03 failed",
    "node02 done",
    "node01 done",
  ]);
  expect(operations[0]?.failure?.reason).toMatch(/no node node03/);
  // Nobody else could end what it had started.
  expect(abandoned).toEqual([operations[0]?.id]);
});

test("an operation goes on with the inventory that is in force at each attempt", async () => {
  const rack = fakeRack();
  let inForce = rack.tools.inventory();
  const plans: number[] = [];
  const tools = { ...rack.tools, inventory: () => inForce };
  const runner = createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes, clock: rack.clock },
    plan: (operation) => {
      plans.push(inForce.timeouts.soakSeconds);
      return provisionPlan(tools, operation, nodeOf(rack, operation.node));
    },
    basis: () => {
      // Another inventory once the disk is installed, whose soak is done at once.
      if (machine(rack, "node01").disk === "installed" && inForce.timeouts.soakSeconds !== 1)
        inForce = { ...inForce, timeouts: { ...inForce.timeouts, soakSeconds: 1 } };
      return inForce;
    },
    atomically: (work) => rack.database.transaction(work)(),
    isDiskFull: () => false,
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: (_operation, error) => {
      throw error;
    },
  });
  runner.submit(newProvisions(tools, [nodeOf(rack, "node01")], 1_000_000));
  expect((await settled(rack)).map(({ status }) => status)).toEqual(["done"]);
  expect(plans).toEqual([180, 1]);
});

test("a full store delays an operation, and nothing is done twice", async () => {
  const rack = fakeRack();
  let full = 40;
  const runner = createRunner({
    operations: rack.tools.operations,
    nodes: rack.tools.nodes,
    plan: (operation) => provisionPlan(rack.tools, operation, nodeOf(rack, operation.node)),
    basis: rack.tools.inventory,
    atomically: (work) => {
      if (full-- % 2 === 1 && full > 0) throw new Error("no room");
      rack.database.transaction(work)();
    },
    clock: rack.clock,
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    isDiskFull: (error) => error instanceof Error && error.message === "no room",
    onFault: () => {},
  });
  const nodes = threeNodes.map((name) => nodeOf(rack, name));
  runner.submit(newProvisions(rack.tools, nodes, 1_000_000));
  const operations = await settled(rack);
  expect(operations.map((operation) => operation.status)).toEqual(["done", "done", "done"]);
  expect(threeNodes.map((name) => machine(rack, name).wipes)).toEqual([1, 1, 1]);
});

test("a step that finds no room for its files waits until there is some", async () => {
  const rack = fakeRack();
  let full = 3;
  const withoutRoom = (step: Step): Step => ({
    ...step,
    run: async (attempt, signal) => {
      if (step.id === "installer" && full-- > 0) {
        const cause = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
        throw new Error("known_hosts can't be written", { cause });
      }
      return await step.run(attempt, signal);
    },
  });
  const seen: unknown[] = [];
  const runner = createRunner({
    ...{ operations: rack.tools.operations, nodes: rack.tools.nodes, clock: rack.clock },
    plan: (operation) => {
      const plan = provisionPlan(rack.tools, operation, nodeOf(rack, operation.node));
      return { ...plan, steps: plan.steps.map(withoutRoom) };
    },
    basis: rack.tools.inventory,
    atomically: (work) => rack.database.transaction(work)(),
    elapsed: rack.clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    isDiskFull,
    onFault: (_operation, error) => seen.push(error),
  });
  runner.submit(newProvisions(rack.tools, [nodeOf(rack, "node01")], 1_000_000));
  expect((await settled(rack)).map(({ status }) => status)).toEqual(["done"]);
  expect([seen.length, machine(rack, "node01").wipes]).toEqual([3, 1]);
});

test("a second operation on a node that has one is refused by the store", () => {
  const rack = fakeRack();
  const [first, second] = [nodeOf(rack, "node01"), nodeOf(rack, "node01")].flatMap((node) =>
    newProvisions(rack.tools, [node], 0),
  );
  if (first === undefined || second === undefined) throw new Error("no operations");
  rack.tools.operations.create([first]);
  expect(() => rack.tools.operations.create([second])).toThrow(/UNIQUE/);
});

test("an operation cut off at any step is carried on by a new runner without a second wipe", {
  timeout: 60_000,
}, async () => {
  for (let cut = 1; cut <= 60; cut++) {
    const clock = manualClock();
    let sleeps = 0;
    const rack = fakeRack(clock);
    const first = start(rack, {
      ...clock,
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        if (++sleeps === cut) void first.close();
      },
    });
    first.submit(
      newProvisions(
        rack.tools,
        threeNodes.map((name) => nodeOf(rack, name)),
        clock.now(),
      ),
    );
    for (let turn = 0; turn < 1000 && sleeps < cut; turn++)
      await new Promise((resolve) => setImmediate(resolve));
    await first.close();
    start(rack, clock).resume();
    const operations = await settled(rack);
    expect(operations.map((operation) => operation.status)).toEqual(["done", "done", "done"]);
    expect([...rack.machines.values()].map((each) => each.wipes)).toEqual([1, 1, 1, 0]);
  }
});

test("cancelling before the wipe disarms the node and leaves it registered", async () => {
  const rack = fakeRack();
  machine(rack, "node01").fault = "no-installer";
  const runner = start(rack, { ...rack.clock, now: () => 1_000_000 });
  const operations = newProvisions(rack.tools, [nodeOf(rack, "node01")], 1_000_000);
  runner.submit(operations);
  while (rack.tools.nodes.node("node01").state !== "armed")
    await new Promise((resolve) => setImmediate(resolve));
  expect(runner.cancel(operations[0]?.id ?? "")).toBe(true);
  const [operation] = await settled(rack);
  expect(operation?.status).toBe("cancelled");
  expect(rack.tools.nodes.node("node01").state).toBe("registered");
  expect(machine(rack, "node01").wipes).toBe(0);
});
