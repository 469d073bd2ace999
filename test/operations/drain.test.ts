import { expect, test } from "vitest";
import { failure } from "../../src/cluster/client.ts";
import { newOperation } from "../../src/operations/operation.ts";
import {
  draftOrder,
  type OrderTools,
  resumeObstacle,
  startOrder,
} from "../../src/operations/orders.ts";
import { awaitVoter } from "../../src/operations/steps/await-voter.ts";
import { unitsOf } from "../../src/operations/steps/services.ts";
import { type Order, workOf } from "../../src/operations/verb.ts";
import { type FakeRack, fakeRack, newProvisions } from "../fakes/rack.ts";
import { rackRunner } from "../fakes/rack-runner.ts";

const founders = ["node01", "node02", "node03"];

/** A rack whose three founders are active, and what orders need there. */
async function living() {
  const rack = fakeRack();
  const tools: OrderTools = { ...rack.tools, powerJobs: { runningFor: () => undefined } };
  const runner = rackRunner(rack);
  const nodes = rack.tools.inventory().nodes.filter(({ name }) => founders.includes(name));
  runner.submit(newProvisions(rack.tools, nodes, rack.clock.now()));
  await settled(rack);
  const order = async (verb: Order["verb"], node: string, force: readonly string[] = []) =>
    await startOrder(tools, runner, { verb, nodes: [node], options: {}, force });
  return { rack, tools, runner, order };
}

/** The next command on a node, as a drain's is that stops its services, fails. */
function failsToStop({ shell }: OrderTools): void {
  const { run } = shell;
  const answers = [{ ok: false, kind: "command", why: "exit code 1: Failed to stop" } as const];
  Object.assign(shell, {
    run: async (...args: Parameters<typeof run>) => answers.pop() ?? (await run(...args)),
  });
}

async function settled({ tools }: FakeRack) {
  while (tools.operations.operations({ running: true }).length > 0)
    await new Promise((resolve) => setImmediate(resolve));
  return tools.operations.operations({ running: false })[0];
}

test("the draft of a drain shows its steps and the sum of each layer, and changes nothing", async () => {
  const { rack, tools } = await living();
  const draft = await draftOrder(tools, {
    verb: "drain",
    nodes: ["node02"],
    options: {},
    force: [],
  });
  expect(draft.refusals).toEqual([]);
  expect(draft.quorum).toEqual([
    "chainfire: voters 3, healthy 3, taking node02 leaves 2 >= 2: allowed",
    "flaredb: voters 3, healthy 3, taking node02 leaves 2 >= 2: allowed",
  ]);
  expect(draft.drafted[0]?.steps.map(({ title }) => title)).toEqual([
    "hand over the leadership of its layers",
    "stop iam, flaredb, chainfire",
    "the node is drained",
  ]);
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
  expect(tools.operations.operations({ running: true })).toEqual([]);
});

test("drained and put back, a node is active and its services run", async () => {
  const { rack, tools, order } = await living();
  expect((await order("drain", "node02")).refusals).toEqual([]);
  expect(await settled(rack)).toMatchObject({ kind: "drain", status: "done" });
  expect(tools.nodes.node("node02").state).toBe("drained");
  expect([...(rack.machines.get("node02")?.stopped ?? [])]).toEqual([
    "iam",
    "flaredb",
    "chainfire",
  ]);
  await order("undrain", "node02");
  expect(await settled(rack)).toMatchObject({ kind: "undrain", status: "done" });
  expect(tools.nodes.node("node02").state).toBe("active");
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
});

test("a node is not taken for a voter by a look from before its services were stopped", async () => {
  const { rack, order } = await living();
  const [former, node] = [await rack.tools.cluster.views(), nodeOf(rack, "node02")];
  Object.assign(rack.tools.cluster, { views: async () => former });
  await order("drain", node.name);
  const operation = await settled(rack);
  if (operation === undefined) throw new Error("no operation");
  const attempt = { operation, evidence: {}, nowMs: rack.clock.now() };
  const { signal } = new AbortController();
  const result = await awaitVoter(workOf(rack.tools, operation), node).run(attempt, signal);
  expect(result).toMatchObject({
    kind: "wait",
    why: expect.stringContaining("node02 is not a healthy voter of chainfire"),
  });
});

function nodeOf({ tools }: FakeRack, name: string) {
  const node = tools.inventory().nodes.find((each) => each.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

test("with one node out, taking another is refused with the numbers, and its typed name lifts that and is audited", async () => {
  const { rack, tools, order } = await living();
  await order("drain", "node02");
  await settled(rack);
  const { refusals } = await order("drain", "node03");
  expect(refusals.map(({ reason }) => reason)).toEqual([
    "chainfire: voters 3, healthy 2, taking node03 leaves 1 < 2: refused",
    "flaredb: voters 3, healthy 2, taking node03 leaves 1 < 2: refused",
  ]);
  expect(refusals[0]?.next).toContain("--force node03");
  expect((await order("drain", "node03", ["node02"])).refusals[0]?.reason).toContain(
    "--force node02 is about none of the nodes of this order (node03)",
  );
  expect((await order("drain", "node03", ["node03"])).refusals).toEqual([]);
  const operation = await settled(rack);
  expect(operation?.steps[0]?.evidence).toMatchObject({ forced: ["node03"] });
  const events = tools.nodes.events({ node: "node03", limit: 100 });
  expect(events.find(({ kind }) => kind === "quorum-budget-overridden")?.detail).toMatchObject({
    forced: ["node03"],
    quorum: [expect.stringContaining("leaves 1 < 2"), expect.stringContaining("leaves 1 < 2")],
  });
});

test("without a cluster the draft is there, with its steps, and is refused", async () => {
  const rack = fakeRack();
  const tools: OrderTools = { ...rack.tools, powerJobs: { runningFor: () => undefined } };
  const draft = await draftOrder(tools, {
    verb: "drain",
    nodes: ["node01"],
    options: {},
    force: [],
  });
  expect(draft.drafted[0]?.steps).toHaveLength(3);
  expect(draft.refusals.map(({ reason }) => reason)).toEqual([
    "node node01 is registered, and has to be active for this",
    expect.stringContaining("chainfire: no member answers"),
    expect.stringContaining("flaredb: no member answers"),
  ]);
});

test("a member that a power job is at work on is a disruption beside which nothing is drained", async () => {
  const { rack, tools, order } = await living();
  const powered = { runningFor: (node: string) => (node === "node03" ? "job-7" : undefined) };
  Object.assign(tools, { powerJobs: powered });
  expect((await order("drain", "node02")).refusals).toEqual([
    {
      reason:
        "the power job job-7 is at work on node node03, and what takes machines or members away runs alone",
      next: "wait for it: rackstrap power show job-7",
    },
  ]);
  // What holds no layer is no member.
  const services = (name: string, all: readonly string[]) => (name === "node03" ? [] : all);
  const { inventory } = rack.tools;
  const nodes = inventory().nodes.map((node) => ({
    ...{ ...node, services: services(node.name, node.services) as typeof node.services },
  }));
  Object.assign(tools, { inventory: () => ({ ...inventory(), nodes }) });
  expect((await order("drain", "node02")).refusals).toEqual([]);
});

test("of two orders that wait for the same answer of the cluster one is refused", async () => {
  const { order } = await living();
  const both = await Promise.all([order("drain", "node02"), order("drain", "node03")]);
  expect(both.map(({ refusals }) => refusals.length)).toEqual([0, 1]);
  expect(both[1]?.refusals[0]?.reason).toMatch(/^drain node02 is running/);
});

test("a second disruptive operation is refused with the name of the first", async () => {
  const { tools, runner, order } = await living();
  const run = tools.shell.run;
  const gate = Promise.withResolvers<void>();
  const slow = {
    run: async (...args: Parameters<typeof run>) => {
      await gate.promise;
      return await run(...args);
    },
  };
  Object.assign(tools.shell, slow);
  const [first] = (await order("drain", "node02")).drafted;
  const { refusals } = await order("drain", "node03");
  expect(refusals[0]?.reason).toBe(
    `drain node02 is running (${first?.id}), and what takes machines or members away runs alone`,
  );
  gate.resolve();
  await runner.close();
});

test("nothing is stopped behind a leader that commits nothing, unless the name was typed", async () => {
  const { rack, tools, order } = await living();
  const stuck = "chainfire: the write on node01 failed: no answer";
  Object.assign(tools.cluster, { roundTrip: async () => failure(stuck) });
  await order("drain", "node02");
  expect(await settled(rack)).toMatchObject({
    status: "failed",
    failure: { stage: "stop-services-node02", reason: expect.stringContaining(stuck) },
  });
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
  await order("drain", "node02", ["node02"]);
  expect(await settled(rack)).toMatchObject({ status: "done" });
});

test("an operation that ended badly goes on from where it stopped, and one that is done does not", async () => {
  const { rack, tools, runner, order } = await living();
  failsToStop(tools);
  await order("drain", "node02");
  const failed = await settled(rack);
  expect(failed).toMatchObject({ status: "failed", failure: { stage: "stop-services-node02" } });
  expect(tools.nodes.node("node02").state).toBe("active");
  if (failed === undefined) throw new Error("no operation");
  expect(resumeObstacle(tools, failed)).toBeUndefined();
  runner.reopen(failed.id);
  const ended = await settled(rack);
  expect(ended).toMatchObject({ id: failed.id, status: "done", failure: undefined });
  if (ended === undefined) throw new Error("no operation");
  expect(resumeObstacle(tools, ended)?.reason).toContain("is done");
});

test("a drain that ended badly is not gone on with once its node was put back", async () => {
  const { rack, tools, order } = await living();
  failsToStop(tools);
  await order("drain", "node02");
  const failed = await settled(rack);
  await order("undrain", "node02");
  const since = await settled(rack);
  if (failed === undefined || since === undefined) throw new Error("no operation");
  expect(resumeObstacle(tools, failed)?.reason).toBe(
    `undrain node02 was done since (${since.id}): what ${failed.id} had done holds no more`,
  );
});

test("a node is put back while others are installed, and taken away beside none", async () => {
  const { rack, tools, order } = await living();
  await order("drain", "node02");
  await settled(rack);
  const install = { id: "op-install", kind: "provision", node: "node04", createdAtMs: 1 } as const;
  tools.operations.create([newOperation(install)]);
  expect((await order("undrain", "node02")).refusals).toEqual([]);
  expect((await order("drain", "node03")).refusals[0]?.reason).toMatch(/ runs alone$/);
});

test("options that a verb does not know are refused", async () => {
  const { tools } = await living();
  const options = { fast: true };
  const draft = await draftOrder(tools, { verb: "drain", nodes: ["node02"], options, force: [] });
  expect(draft.refusals[0]?.reason).toMatch(/^drain: .*fast/);
});

test("etcd stops last and starts first on a node that may hold its data, though no entry names it as a service", () => {
  const { tools } = fakeRack();
  const inventory = tools.inventory();
  const node = inventory.nodes.find(({ name }) => name === "node01");
  if (node === undefined) throw new Error("no node01");
  const onEtcd = { ...inventory, cluster: { ...inventory.cluster, layers: ["etcd" as const] } };
  const iam = { ...node, services: ["iam" as const] };
  expect(unitsOf(iam, onEtcd)).toEqual(["iam", "etcd"]);
  expect(unitsOf(iam, inventory)).toEqual(["iam"]);
  const other = { ...onEtcd, cluster: { ...onEtcd.cluster, peers: ["node02"] } };
  expect(unitsOf(iam, other)).toEqual(["iam"]);
});
