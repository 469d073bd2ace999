// What a drain does beside the services themselves: the lead, the balancers, the virtual machines.

import { expect, test } from "vitest";
import { migrateMachines } from "../../src/operations/steps/workload.ts";
import { workOf } from "../../src/operations/verb.ts";
import { livingRack, settled } from "../fakes/serving-rack.ts";

/** A rack whose nodes run these services too. */
async function running(more: Readonly<Record<string, readonly string[]>>) {
  const living = await livingRack();
  const inventory = living.rack.tools.inventory();
  const nodes = inventory.nodes.map((node) => ({
    ...node,
    services: [...node.services, ...(more[node.name] ?? [])],
  }));
  const changed = { ...inventory, nodes } as typeof inventory;
  for (const tools of [living.tools, living.rack.tools])
    Object.assign(tools, { inventory: () => changed });
  return living;
}

test("a leader hands the lead of both layers over before its services stop", async () => {
  const { rack, tools, order } = await running({});
  await order("drain", ["node01"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("done");
  expect(operation?.steps[0]?.evidence["leadership"]).toEqual({
    ...{ chainfire: "transferred to node02", flaredb: "transferred to node02" },
  });
  expect(tools.nodes.node("node01").state).toBe("drained");
});

test("the lead goes to nobody who is in no inventory: nothing here could ask it", async () => {
  const { rack, tools, order } = await running({});
  const known = tools.inventory();
  const nodes = known.nodes.filter(({ name }) => name !== "node02");
  Object.assign(tools, { inventory: () => ({ ...known, nodes }) });
  Object.assign(rack.tools, { inventory: tools.inventory });
  await order("drain", ["node01"]);
  expect((await settled(rack))?.steps[0]?.evidence["leadership"]).toMatchObject({
    chainfire: "transferred to node03",
  });
});

test("where a layer can't hand the lead over the drain goes on, and says so", async () => {
  const { rack, order } = await running({});
  Object.assign(rack.tools.cluster, {
    transferLeader: async () => ({ ok: true, value: "unsupported" }),
  });
  await order("drain", ["node01"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("done");
  expect(operation?.steps[0]?.evidence["leadership"]).toMatchObject({
    chainfire: "unsupported to node02",
  });
});

test("every balancer spares the node before it stops and uses it once it is a voter again", async () => {
  const { rack, order, draft } = await running({ node01: ["fiberlb"], node03: ["fiberlb"] });
  const { drafted } = await draft("drain", ["node02"]);
  expect(drafted[0]?.steps.map(({ id }) => id)).toEqual([
    ...["hand-over-node02", "balance-drain-node02", "stop-services-node02"],
    "note-drained-node02",
  ]);
  await order("drain", ["node02"]);
  await settled(rack);
  expect(rack.balanced).toEqual(["node01 node02 drain", "node03 node02 drain"]);
  await order("undrain", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.steps.map(({ id }) => id)).toEqual([
    ...["start-services-node02", "voter-node02", "balance-active-node02"],
    "note-undrained-node02",
  ]);
  expect(rack.balanced.slice(2)).toEqual(["node01 node02 active", "node03 node02 active"]);
});

test("a balancer that is put back learns which nodes were drained and put back meanwhile", async () => {
  const { rack, order } = await running({ node01: ["fiberlb"], node03: ["fiberlb"] });
  await order("drain", ["node03"]);
  await settled(rack);
  await order("drain", ["node02"], {}, ["node02"]);
  expect(await settled(rack)).toMatchObject({ node: "node02", status: "done" });
  expect(rack.balanced.slice(2)).toEqual(["node01 node02 drain"]);
  await order("undrain", ["node03"]);
  expect(await settled(rack)).toMatchObject({ node: "node03", status: "done" });
  expect(rack.balanced.slice(3)).toEqual([
    ...["node03 node01 active", "node03 node02 drain"],
    ...["node01 node03 active", "node03 node03 active"],
  ]);
});

test("a balancer that is put back and can't be told of the others is not in service yet", async () => {
  const { rack, tools, order } = await running({ node03: ["fiberlb"] });
  await order("drain", ["node03"]);
  await settled(rack);
  Object.assign(rack.tools.workload, {
    setBackend: async (_through: unknown, backend: string) =>
      backend === "node01"
        ? { ok: false, failed: "refuses the connection", silent: true }
        : { ok: true, value: undefined },
  });
  await order("undrain", ["node03"]);
  expect((await settled(rack))?.failure?.reason).toBe(
    "not done after 120 s: fiberlb on node03: refuses the connection",
  );
  expect(tools.nodes.node("node03").state).toBe("drained");
});

test("a node that was drained before it was installed anew is used again", async () => {
  const { rack, order } = await running({ node01: ["fiberlb"] });
  await order("drain", ["node02"]);
  await settled(rack);
  await order("reprovision", ["node02"], {}, ["node02"]);
  expect(await settled(rack)).toMatchObject({ kind: "reprovision", failure: undefined });
  expect(rack.balanced).toEqual(["node01 node02 drain", "node01 node02 active"]);
});

test("a balancer that does not answer keeps the node in service", async () => {
  const { rack, order } = await running({ node03: ["fiberlb"] });
  Object.assign(rack.tools.workload, {
    setBackend: async () => ({ ok: false, failed: "refuses the connection", silent: true }),
  });
  await order("drain", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.failure).toMatchObject({
    stage: "balance-drain-node02",
    reason: "not done after 120 s: fiberlb on node03: refuses the connection",
  });
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
});

test("virtual machines move to the other hosts in turn before the services stop", async () => {
  const hosts = { node01: ["plasmavmc"], node02: ["plasmavmc"], node03: ["plasmavmc"] };
  const { rack, order } = await running(hosts);
  for (const guest of ["vm-001", "vm-002", "vm-003"])
    rack.machines.get("node02")?.guests.add(guest);
  await order("drain", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("done");
  expect([...(rack.machines.get("node01")?.guests ?? [])]).toEqual(["vm-001", "vm-003"]);
  expect([...(rack.machines.get("node03")?.guests ?? [])]).toEqual(["vm-002"]);
  expect([...(rack.machines.get("node02")?.stopped ?? [])][0]).toBe("plasmavmc");
});

test("a migration that came to nothing is asked for again after a minute, at another host where the first is sick", async () => {
  const hosts = { node01: ["plasmavmc"], node02: ["plasmavmc"], node03: ["plasmavmc"] };
  const { rack, order } = await running(hosts);
  rack.machines.get("node02")?.guests.add("vm-001");
  const { migrate } = rack.tools.workload;
  const asked: { target: string; atMs: number }[] = [];
  const came: typeof migrate = async (...said) => {
    asked.push({ target: said[2], atMs: rack.clock.now() });
    return asked.length < 3 ? { ok: true, value: undefined } : await migrate(...said);
  };
  Object.assign(rack.tools.workload, {
    takesMachines: async ({ name }: { name: string }) => ({
      ...{ ok: true, value: name !== "node01" || asked.length < 2 },
    }),
    migrate: came,
  });
  await order("drain", ["node02"]);
  const operation = await settled(rack);
  expect(operation?.status).toBe("done");
  expect(asked.map(({ target }) => target)).toEqual(["node01", "node01", "node03"]);
  for (const [index, { atMs }] of asked.slice(1).entries())
    expect((atMs - (asked[index]?.atMs ?? 0)) / 1000).toBeCloseTo(61, -1);
});

test("a drain that knows the target of a machine without the time asks for it again", async () => {
  const { rack, draft } = await running({ node01: ["plasmavmc"], node02: ["plasmavmc"] });
  rack.machines.get("node02")?.guests.add("vm-001");
  const [operation] = (await draft("drain", ["node02"])).drafted;
  const node = rack.tools.inventory().nodes.find(({ name }) => name === "node02");
  if (operation === undefined || node === undefined) throw new Error("nothing is drafted");
  const [step] = migrateMachines(workOf(rack.tools, operation), node);
  const evidence = { asked: { "vm-001": "node01" } };
  const attempt = { operation, evidence, nowMs: 1_800_000_000_000 };
  expect(await step?.run(attempt, new AbortController().signal)).toMatchObject({
    kind: "wait",
    evidence: { asked: { "vm-001": { target: "node01", atMs: attempt.nowMs } } },
  });
  expect([...(rack.machines.get("node01")?.guests ?? [])]).toEqual(["vm-001"]);
});

test("without another healthy host the machines stay, and so does the node", async () => {
  const { rack, order } = await running({ node02: ["plasmavmc"], node03: ["plasmavmc"] });
  rack.machines.get("node02")?.guests.add("vm-001");
  Object.assign(rack.tools.workload, { takesMachines: async () => ({ ok: true, value: false }) });
  await order("drain", ["node02"]);
  expect((await settled(rack))?.failure?.reason).toBe(
    "vm-001 run on node node02, and no other node that runs plasmavmc is active and healthy",
  );
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
});

test("a drain that stopped half-way is put back by undrain", async () => {
  const { rack, tools, order } = await running({});
  const { run } = tools.shell;
  const answers = [{ ok: false, kind: "command", why: "exit code 1: Failed to stop" } as const];
  Object.assign(rack.tools.shell, {
    run: async (...said: Parameters<typeof run>) => answers.pop() ?? (await run(...said)),
  });
  rack.machines.get("node02")?.stopped.add("iam");
  await order("drain", ["node02"], {}, ["node02"]);
  expect((await settled(rack))?.status).toBe("failed");
  expect((await order("undrain", ["node02"])).refusals).toEqual([]);
  expect(await settled(rack)).toMatchObject({ kind: "undrain", status: "done" });
  expect(tools.nodes.node("node02").state).toBe("active");
  expect(rack.machines.get("node02")?.stopped.size).toBe(0);
});
