import { expect, test } from "vitest";
import { createPowerService } from "../../src/api/power.ts";
import { Refusal } from "../../src/api/service.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { PowerJob, PowerOrder } from "../../src/operations/power-job.ts";
import type { PowerJobs } from "../../src/operations/power-jobs.ts";

const job: PowerJob = {
  ...{ id: "j1", verb: "on", createdAtMs: 5, endedAtMs: undefined },
  tasks: [{ node: "node01", group: "pdu-a", status: "waiting", startAtMs: 5 }],
};
const seen = { state: "off", differs: false } as const;

function service() {
  const orders: PowerOrder[] = [];
  const jobs = {
    start: (order: PowerOrder) => {
      orders.push(order);
      return job;
    },
    plan: () => job,
    job: (id: string) => (id === "j1" ? job : undefined),
    jobs: () => [job],
    cancel: () => undefined,
  } as unknown as PowerJobs;
  const declared = (name: string) => {
    if (name !== "node01") throw new Refusal("unknown", `no node is called ${name}`);
    return { name } as Node;
  };
  const power = createPowerService({ jobs, watch: { view: () => seen }, declared });
  return { power, orders };
}

const view = { ...job.tasks[0], power: seen };
const request = { action: "on", nodes: ["node01"], despiteOperations: true } as const;

test("a request becomes an order, and each machine of a job has its power beside it", () => {
  const { power, orders } = service();
  const expected = { id: "j1", action: "on", createdAtMs: 5, endedAtMs: undefined, tasks: [view] };
  expect(power.power(request)).toEqual(expected);
  expect(orders).toEqual([{ verb: "on", nodes: [{ name: "node01" }], despiteOperations: true }]);
  expect([power.powerJob("j1"), power.powerJobs()]).toEqual([expected, [expected]]);
  expect(power.powerPlan(request)).toEqual({ action: "on", createdAtMs: 5, tasks: [view] });
});

test("nothing is begun when one of the nodes is unknown", () => {
  const { power, orders } = service();
  expect(() => power.power({ ...request, nodes: ["node01", "node9"] })).toThrow(
    "no node is called node9",
  );
  expect(orders).toEqual([]);
});

test.each(["powerJob", "cancelPower"] as const)("%s of a job that is forgotten says so", (ask) => {
  expect(() => service().power[ask]("j9")).toThrow(
    "no power job has the id j9: they are kept for an hour, and not over a restart",
  );
});
