// The runner over a rack in memory, and orders to it, as the server has them.

import type { Operation } from "../../src/operations/operation.ts";
import {
  type DraftedOrder,
  draftOrder,
  type OrderTools,
  startOrder,
} from "../../src/operations/orders.ts";
import { createRunner, type Runner } from "../../src/operations/runner.ts";
import type { OperationTools, Order } from "../../src/operations/verb.ts";
import { verbs } from "../../src/operations/verbs.ts";
import type { FakeRack } from "./rack.ts";

/** `atomically` stands in for the database's transactions, where a test cuts them off. */
export function rackRunner(
  { tools, database, clock }: FakeRack,
  atomically = (work: () => void) => database.transaction(work)(),
): Runner {
  return createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes, clock },
    plan: (operation) => verbs[operation.kind].plan(tools, operation),
    basis: tools.inventory,
    atomically,
    isDiskFull: () => false,
    elapsed: clock.now,
    accompany: async () => undefined,
    stopAbandoned: async () => undefined,
    onFault: () => undefined,
  });
}

export function orderTools(tools: OperationTools): OrderTools {
  return { ...tools, powerJobs: { runningFor: () => undefined } };
}

/** The rack's site with a short soak window: each look at it is a write. */
export function soakBriefly({ tools }: FakeRack): void {
  const { timeouts, ...site } = tools.inventory();
  const inventory = { ...site, timeouts: { ...timeouts, soakSeconds: 4 } };
  Object.assign(tools, { inventory: () => inventory });
}

/** What was ordered, about the whole cluster where no nodes are named. */
export function anOrder(verb: Order["verb"], options: Order["options"] = {}): Order {
  return { verb, nodes: [], options, force: [] };
}

export async function draft({ tools }: FakeRack, order: Order): Promise<DraftedOrder> {
  return await draftOrder(orderTools(tools), order);
}

/** Begins the order and waits for its end. Throws where it is refused. */
export async function carryOut(
  rack: FakeRack,
  order: Order,
  runner: Runner = rackRunner(rack),
): Promise<Operation> {
  const { refusals, drafted } = await startOrder(orderTools(rack.tools), runner, order);
  if (refusals.length > 0) throw new Error(refusals.map(({ reason }) => reason).join("; "));
  return await ended(rack, drafted[0]?.id ?? "");
}

const mostTurns = 20_000;

export async function ended({ tools }: FakeRack, id: string): Promise<Operation> {
  for (let turn = 0; turn < mostTurns; turn++) {
    const operation = tools.operations.operation(id);
    if (operation === undefined) throw new Error(`no operation ${id}`);
    if (operation.status !== "running") return operation;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`operation ${id} does not end`);
}
