// Answers the API about orders and operations.

import {
  type Operation,
  type OperationStore,
  type StepRecord,
  stepKind,
} from "../operations/operation.ts";
import {
  carryingOn,
  type DraftedOrder,
  draftOrder,
  type OrderTools,
  resumeObstacle,
  startOrder,
} from "../operations/orders.ts";
import type { Runner } from "../operations/runner.ts";
import type { DraftedStepView, OperationView, OrderRequest, PlanView } from "./operation-shapes.ts";
import { Refusal } from "./service.ts";

/** Every method may throw a `Refusal`. */
export interface OperationService {
  /** What the order would do, and why it would not; changes nothing. */
  draft(order: OrderRequest): Promise<PlanView>;
  /** Begins all of it, or refuses all of it; nothing once `gone` says that nobody waits for the answer. */
  order(order: OrderRequest, gone?: AbortSignal): Promise<readonly OperationView[]>;
  /** The newest `limit`, newest first; of each step only what it is and how it stands. */
  operations(limit: number): readonly OperationView[];
  operation(id: string): OperationView;
  /** Asks a running operation to stop, and returns it as it stands. */
  cancel(id: string): OperationView;
  /** Has one that ended badly go on from where it stopped. */
  resume(id: string): OperationView;
}

export interface OperationServiceTools {
  readonly operations: OperationStore;
  readonly orders: OrderTools;
  readonly runner: Runner;
}

export function createOperationService(tools: OperationServiceTools): OperationService {
  const { operations, orders, runner } = tools;
  const stored = (id: string): Operation => {
    const operation = operations.operation(id);
    if (operation !== undefined) return operation;
    throw new Refusal("unknown", `no operation has the id ${id}`, "see: rackstrap operations list");
  };
  return {
    draft: async (order) => planView(await draftOrder(orders, order)),
    order: async (order, gone) => {
      const { drafted, refusals } = await startOrder(orders, runner, order, gone);
      const last = refusals.at(-1);
      if (last === undefined) return drafted.map(operationView);
      // Each with its own remedy, as the plan shows them; that of the last is told apart.
      const before = refusals.slice(0, -1).map(({ reason, next }) => `${reason}\n  next: ${next}`);
      throw new Refusal("conflict", [...before, last.reason].join("\n"), last.next);
    },
    operations: (limit) => operations.outlines(limit).map(outlineView),
    operation: (id) => operationView(stored(id)),
    cancel: (id) => {
      const { node, status } = stored(id);
      if (!runner.cancel(id))
        throw new Refusal("conflict", `the operation ${id} on ${node} is ${status} already`);
      return operationView(stored(id));
    },
    resume: (id) => {
      const obstacle = resumeObstacle(orders, stored(id));
      if (obstacle !== undefined) throw new Refusal("conflict", obstacle.reason, obstacle.next);
      runner.reopen(id);
      return operationView(stored(id));
    },
  };
}

function planView({ drafted, destroys, quorum, notes, refusals }: DraftedOrder): PlanView {
  const operations = drafted.map(({ node, nodes, steps }) => ({
    node,
    nodes,
    steps: steps.map(draftedStepView),
  }));
  return { operations, destroys, quorum, notes, refusals };
}

function operationView(operation: Operation): OperationView {
  const { id, kind, node, nodes, parameters, status, createdAtMs, endedAtMs, failure } = operation;
  return {
    ...{ id, kind, node, nodes, parameters, status, createdAtMs },
    steps: operation.steps.map((step) => ({
      ...draftedStepView(step),
      status: step.status,
      attempts: step.attempts,
      ...(step.startedAtMs === undefined ? {} : { startedAtMs: step.startedAtMs }),
      ...(step.endedAtMs === undefined ? {} : { endedAtMs: step.endedAtMs }),
      ...(step.lastLine === undefined ? {} : { lastLine: step.lastLine }),
      evidence: step.evidence,
    })),
    ...(endedAtMs === undefined ? {} : { endedAtMs }),
    ...(failure === undefined ? {} : { failure: { ...failure, carryOn: carryingOn(operation) } }),
  };
}

/** What steps found is told of one operation at a time: of all that were ever done, no client would take the answer. */
function outlineView(operation: Operation): OperationView {
  const steps = operation.steps.map((step) => ({ ...draftedStepView(step), status: step.status }));
  return { ...operationView(operation), steps };
}

function draftedStepView({ id, title, node }: StepRecord): DraftedStepView {
  return { id, kind: stepKind({ id, node }), title, ...(node === undefined ? {} : { node }) };
}
