import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startPower } from "../../src/serve/power.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { createOperationStore } from "../../src/store/operations.ts";
import { machineBmc } from "../fakes/machine-bmc.ts";
import { exampleInventory } from "../fakes/rack.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});

afterEach(() => {
  vi.useRealTimers();
});

const inventory = exampleInventory();

function power(database = openDatabase(":memory:")) {
  const now = () => Date.now();
  const nodes = createNodeStore(database, now);
  const bmcs = new Map(inventory.nodes.map(({ name }) => [name, machineBmc("off")]));
  const all = startPower({
    inventory: () => inventory,
    store: { nodes, operations: createOperationStore(database, now) },
    controllers: { find: ({ name }) => bmcs.get(name) ?? machineBmc("off") },
    logger: pino({ level: "silent" }),
  });
  return { ...all, nodes, bmcs, database };
}

test("what a job reads is known at once, what it asked for over a restart, and both are in the timeline", async () => {
  const { jobs, watch, nodes, close, database } = power();
  const job = jobs.start({ verb: "on", nodes: inventory.nodes, despiteOperations: false });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(jobs.job(job.id)?.tasks.map(({ status }) => status)).toEqual(
    inventory.nodes.map(() => "done"),
  );
  expect(watch.view("node01")).toMatchObject({ state: "on", asked: "on", differs: false });
  expect(nodes.events({ node: "node01", limit: 10 }).map(({ kind }) => kind)).toEqual([
    "power-asked",
    "power-set",
  ]);
  await close();
  expect(power(database).watch.view("node01")).toMatchObject({ state: "unknown", asked: "on" });
});

test("an operation and an operator share the turns", async () => {
  const { jobs, startTurn, bmcs } = power();
  const [first, second] = inventory.nodes;
  if (first === undefined || second === undefined) throw new Error("two nodes are needed");
  await startTurn(first, new AbortController().signal);
  jobs.start({ verb: "on", nodes: [second], despiteOperations: false });
  await vi.advanceTimersByTimeAsync(200);
  expect(bmcs.get(second.name)?.asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(bmcs.get(second.name)?.asked.length).toBe(1);
});

test("a store that can't be written keeps nobody from switching off", async () => {
  const { jobs, bmcs, database } = power();
  database.pragma("query_only = 1");
  const job = jobs.start({ verb: "on", nodes: inventory.nodes, despiteOperations: false });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(jobs.job(job.id)?.tasks.every(({ status }) => status === "done")).toBe(true);
  expect([...bmcs.values()].every(({ state }) => state === "on")).toBe(true);
});
