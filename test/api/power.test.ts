import { expect, test } from "vitest";
import { createPowerService } from "../../src/api/power.ts";
import { Refusal } from "../../src/api/service.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import type { Node } from "../../src/inventory/schema.ts";
import { newOperation, newStep } from "../../src/operations/operation.ts";
import type { PowerJob, PowerOrder } from "../../src/operations/power-job.ts";
import type { PowerJobs } from "../../src/operations/power-jobs.ts";

const job: PowerJob = {
  ...{ id: "j1", verb: "on", createdAtMs: 5, endedAtMs: undefined },
  tasks: [{ node: "node01", group: "pdu-a", status: "waiting", startAtMs: 5 }],
};
const seen = { state: "off", differs: false } as const;

const voters = ["node01", "node02", "node03"];
const judgement = { layer: "chainfire", voters, healthyVoters: voters } as unknown as Judgement;

/** `busy`: nodes that a power job is at work on. `disrupted`: those of a disruptive operation. */
function service(busy: readonly string[] = [], disrupted: readonly string[] = []) {
  const orders: PowerOrder[] = [];
  const jobs = {
    start: (order: PowerOrder) => {
      orders.push(order);
      return job;
    },
    plan: () => job,
    runningFor: (node: string) => (busy.includes(node) ? "j0" : undefined),
    job: (id: string) => (id === "j1" ? job : undefined),
    jobs: () => [job],
    cancel: () => undefined,
  } as unknown as PowerJobs;
  const declared = (name: string) => {
    if (!/^node0[1-3]$/.test(name)) throw new Refusal("unknown", `no node is called ${name}`);
    return { name } as Node;
  };
  const cluster = async () => [judgement];
  const operation = newOperation({
    ...{ id: "op1", kind: "drain", node: disrupted[0] ?? "", nodes: disrupted, createdAtMs: 5 },
    steps: [newStep({ id: "stop", title: "stop it", node: "node02" })],
  });
  const operations = { disruptive: () => (disrupted.length === 0 ? undefined : operation) };
  const watch = { view: () => seen };
  const power = createPowerService({ jobs, watch, declared, cluster, operations });
  return { power, orders };
}

const view = { ...job.tasks[0], power: seen };
const request = {
  action: "on",
  nodes: ["node01"],
  despiteOperations: true,
  despiteQuorum: false,
} as const;

test("a request becomes an order, and each machine of a job has its power beside it", async () => {
  const { power, orders } = service();
  const expected = { id: "j1", action: "on", createdAtMs: 5, endedAtMs: undefined, tasks: [view] };
  expect(await power.power(request)).toEqual(expected);
  expect(orders).toEqual([{ verb: "on", nodes: [{ name: "node01" }], despiteOperations: true }]);
  expect([power.powerJob("j1"), power.powerJobs()]).toEqual([expected, [expected]]);
  expect(power.powerPlan(request)).toEqual({ action: "on", createdAtMs: 5, tasks: [view] });
});

test.each<[string, string, readonly string[], readonly string[], string | undefined]>([
  ["one of three members", "cycle", ["node01"], [], undefined],
  ["two of three members", "off", ["node01", "node02"], [], "leaves 1 < 2: refused"],
  ["one while another job takes one", "reset", ["node01"], ["node02"], "leaves 1 < 2: refused"],
  ["all of them, on", "on", ["node01", "node02", "node03"], [], undefined],
  ["all of them, read", "status", ["node01", "node02", "node03"], [], undefined],
])("a cluster keeps its majority: %s, %s", async (_what, action, nodes, busy, refused) => {
  const { power, orders } = service(busy);
  const asked = { ...request, action: action as "off", nodes };
  if (refused === undefined) await power.power(asked);
  else await expect(power.power(asked)).rejects.toThrow(refused);
  expect(orders).toHaveLength(refused === undefined ? 1 : 0);
  await power.power({ ...asked, despiteQuorum: true });
  expect(orders).toHaveLength(refused === undefined ? 2 : 1);
});

test("what an operation takes away counts as taken, though it is a healthy voter yet, and is named", async () => {
  const { power, orders } = service([], ["node02"]);
  const refused = power.power({ ...request, action: "soft" });
  await expect(refused).rejects.toThrow(/leaves 1 < 2: refused \(the operation op1 .*drain node02/);
  await power.power({ ...request, action: "soft", despiteQuorum: true });
  expect(orders).toHaveLength(1);
});

test("the one node that an operation is at can be rescued beside the others that it is about", async () => {
  const { power, orders } = service([], ["node01", "node02", "node03"]);
  await power.power({ ...request, action: "reset", nodes: ["node02"] });
  expect(orders).toHaveLength(1);
  const other = power.power({ ...request, action: "reset", nodes: ["node01"] });
  await expect(other).rejects.toThrow("refused");
});

test("nothing is begun when one of the nodes is unknown", async () => {
  const { power, orders } = service();
  await expect(power.power({ ...request, nodes: ["node01", "node9"] })).rejects.toThrow(
    "no node is called node9",
  );
  expect(orders).toEqual([]);
});

test.each(["powerJob", "cancelPower"] as const)("%s of a job that is forgotten says so", (ask) => {
  expect(() => service().power[ask]("j9")).toThrow(
    "no power job has the id j9: they are kept for an hour, and not over a restart",
  );
});
