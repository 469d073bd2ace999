// Moves operations along, level-triggered: it reads the stored operation, runs its first unfinished
// step, and saves what came of it. After a crash the same reading carries on where the store stands.

import type { NodeStore } from "../nodes/ports.ts";
import { type NodeEvent, nextState } from "../nodes/state.ts";
import type { Failure, Operation, OperationStore, StepRecord } from "./operation.ts";
import type { Plan, Step, StepResult } from "./result.ts";

const storePauseMs = 5000;

export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface RunnerTools {
  readonly operations: OperationStore;
  readonly nodes: NodeStore;
  readonly plan: (operation: Operation) => Plan;
  readonly atomically: (work: () => void) => void;
  readonly clock: Clock;
  /** Whether the store only lacks room: it is then tried again, and nothing else. */
  readonly isStoreFull: (error: unknown) => boolean;
  /** When this runner was made. */
  readonly startedAtMs: number;
  readonly onFault: (operation: Operation, error: unknown) => void;
}

export interface Runner {
  /** Takes up every operation that the store says is running. */
  resume(): void;
  submit(operations: readonly Operation[]): void;
  /** Asks an operation to stop; false when it is not running. */
  cancel(operationId: string): boolean;
  /** Lets go of all operations without ending them: they are resumed at the next start. */
  close(): Promise<void>;
}

export function createRunner(tools: RunnerTools): Runner {
  const running = new Map<string, { abort: AbortController; ended: Promise<void> }>();
  const closing = new AbortController();

  const take = (id: string): void => {
    if (running.has(id)) return;
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, closing.signal]);
    // A rejection here is a broken store or a bug: it is left to end the process, which starts again from the store.
    const ended = drive(tools, id, signal, closing.signal).finally(() => running.delete(id));
    running.set(id, { abort, ended });
  };

  return {
    resume: () => {
      for (const operation of tools.operations.operations({ running: true })) take(operation.id);
    },
    submit: (operations) => {
      tools.operations.create(operations);
      for (const operation of operations) take(operation.id);
    },
    cancel: (id) => {
      const entry = running.get(id);
      if (entry === undefined) return false;
      tools.operations.requestCancel(id);
      entry.abort.abort();
      return true;
    },
    close: async () => {
      closing.abort();
      await Promise.all([...running.values()].map((entry) => entry.ended));
    },
  };
}

/** What every move of one operation works with. */
interface Driven {
  readonly tools: RunnerTools;
  readonly operation: Operation;
  readonly plan: Plan;
  readonly closing: AbortSignal;
}

/** Runs one operation until it ends or the signal aborts. */
async function drive(
  tools: RunnerTools,
  id: string,
  signal: AbortSignal,
  closing: AbortSignal,
): Promise<void> {
  const begun = tools.operations.operation(id);
  const plan = begun && (await planOf(tools, begun, closing));
  if (plan === undefined) return;
  for (;;) {
    const operation = tools.operations.operation(id);
    if (operation === undefined || operation.status !== "running" || closing.aborted) return;
    if (operation.cancelRequested) return await cancel(tools, operation, plan, closing);
    const record = operation.steps.find((step) => step.status !== "done");
    const step = plan.steps.find((candidate) => candidate.id === record?.id);
    if (record === undefined)
      return await persist(tools, operation, closing, () =>
        tools.operations.finish(id, "done", undefined),
      );
    if (step === undefined)
      return await abandon(tools, operation, closing, `this version has no step ${record.id}`);
    const pauseMs = await attempt({ tools, operation, plan, closing }, step, record, signal);
    if (pauseMs > 0) await tools.clock.sleep(pauseMs, signal);
  }
}

/** The plan, or undefined when there can be none any more: that ends the operation, and nobody else's. */
async function planOf(
  tools: RunnerTools,
  operation: Operation,
  closing: AbortSignal,
): Promise<Plan | undefined> {
  try {
    return tools.plan(operation);
  } catch (error) {
    await abandon(
      tools,
      operation,
      closing,
      error instanceof Error ? error.message : String(error),
    );
    return undefined;
  }
}

async function abandon(
  tools: RunnerTools,
  operation: Operation,
  closing: AbortSignal,
  reason: string,
): Promise<void> {
  const stage = operation.steps.find((step) => step.status !== "done")?.id ?? "end";
  const failure = { stage, reason, next: `look at the node: rackstrap explain ${operation.node}` };
  await persist(tools, operation, closing, () => {
    leave(tools, operation, "operation-failed", { ...failure });
    tools.operations.finish(operation.id, "failed", failure);
  });
}

/**
 * Keeps what `work` writes, or waits until there is room for it: what was done must not be done again because it
 * could not be written down. Gives up only when the server stops.
 */
async function persist(
  tools: RunnerTools,
  operation: Operation,
  closing: AbortSignal,
  work: () => void,
) {
  while (!closing.aborted) {
    try {
      return tools.atomically(work);
    } catch (error) {
      if (!tools.isStoreFull(error)) throw error;
      tools.onFault(operation, error);
      await tools.clock.sleep(storePauseMs, closing);
    }
  }
}

/** One attempt at one step; returns how long to wait before the next look. */
async function attempt(
  driven: Driven,
  step: Step,
  record: StepRecord,
  signal: AbortSignal,
): Promise<number> {
  const { tools, operation } = driven;
  const nowMs = tools.clock.now();
  const begun: StepRecord = {
    ...record,
    status: record.status === "pending" ? "running" : record.status,
    attempts: record.attempts + 1,
    startedAtMs: record.startedAtMs ?? nowMs,
  };
  // Later attempts are saved with what came of them: a waiting step is looked at every few seconds.
  if (record.status === "pending") await save(driven, begun);
  const result = await run(tools, operation, step, begun, signal);
  if (signal.aborted) return 0;
  switch (result.kind) {
    case "done":
      await finishStep(driven, begun, result);
      return 0;
    case "failed":
      await fail(driven, begun, result);
      return 0;
    case "wait": {
      // While the server was down nobody looked: a step that it takes up again has its whole time.
      const since = Math.max(begun.startedAtMs ?? nowMs, tools.startedAtMs);
      if (tools.clock.now() - since >= step.deadlineMs) {
        const reason = `not done after ${Math.round(step.deadlineMs / 1000)} s: ${result.why}`;
        await fail(driven, begun, { reason, next: step.next });
        return 0;
      }
      const evidence = { ...begun.evidence, ...result.evidence };
      await save(driven, { ...begun, status: "waiting", lastLine: result.why, evidence });
      return result.retryAfterMs;
    }
  }
}

async function save({ tools, operation, closing }: Driven, record: StepRecord): Promise<void> {
  await persist(tools, operation, closing, () => tools.operations.saveStep(operation.id, record));
}

async function run(
  tools: RunnerTools,
  operation: Operation,
  step: Step,
  record: StepRecord,
  signal: AbortSignal,
): Promise<StepResult> {
  try {
    const nowMs = tools.clock.now();
    return await step.run({ operation, evidence: record.evidence, nowMs }, signal);
  } catch (error) {
    if (!signal.aborted) tools.onFault(operation, error);
    if (tools.isStoreFull(error))
      return { kind: "wait", retryAfterMs: storePauseMs, why: "the disk of the server is full" };
    // A fault in one step must not take the other nodes' DHCP down; it ends this operation, in full view.
    const reason = error instanceof Error ? error.message : String(error);
    return {
      kind: "failed",
      reason: `unexpected fault: ${reason}`,
      next: "read the server's log for this operation, then start it again",
    };
  }
}

async function finishStep(
  { tools, operation, closing }: Driven,
  record: StepRecord,
  result: Extract<StepResult, { kind: "done" }>,
): Promise<void> {
  const evidence = { ...record.evidence, ...result.evidence };
  await persist(tools, operation, closing, () => {
    if (result.event !== undefined)
      tools.nodes.transition(operation.node, result.event, {
        operation: operation.id,
        ...result.evidence,
      });
    tools.operations.saveStep(operation.id, {
      ...record,
      status: "done",
      endedAtMs: tools.clock.now(),
      lastLine: undefined,
      evidence,
    });
  });
}

async function fail(
  { tools, operation, plan, closing }: Driven,
  record: StepRecord,
  why: { readonly reason: string; readonly next: string },
): Promise<void> {
  await stop(tools, operation, plan);
  const failure: Failure = { stage: record.id, reason: why.reason, next: why.next };
  await persist(tools, operation, closing, () => {
    tools.operations.saveStep(operation.id, {
      ...record,
      status: "failed",
      endedAtMs: tools.clock.now(),
      lastLine: why.reason,
    });
    leave(tools, operation, "operation-failed", { ...failure });
    tools.operations.finish(operation.id, "failed", failure);
  });
}

async function cancel(
  tools: RunnerTools,
  operation: Operation,
  plan: Plan,
  closing: AbortSignal,
): Promise<void> {
  await stop(tools, operation, plan);
  const stage = operation.steps.find((step) => step.status !== "done")?.id ?? "end";
  const failure = {
    stage,
    reason: "cancelled on request",
    next: `start it again when ready: rackstrap provision ${operation.node}`,
  };
  await persist(tools, operation, closing, () => {
    const { state } = tools.nodes.node(operation.node);
    const event = state === "armed" ? "install-cancelled" : "operation-failed";
    leave(tools, operation, event, { ...failure });
    tools.operations.finish(operation.id, "cancelled", failure);
  });
}

const stopTries = 5;

/** Ends what the operation started. It must not count as ended while its processes still write, so it is tried again. */
async function stop(tools: RunnerTools, operation: Operation, plan: Plan): Promise<void> {
  for (let tries = 1; tries <= stopTries; tries++) {
    try {
      return await plan.stop();
    } catch (error) {
      tools.onFault(operation, error);
      await tools.clock.sleep(5000, new AbortController().signal);
    }
  }
}

/** Moves the node out of the operation where its state has such a move; a node never armed stays as it is. */
function leave(
  tools: RunnerTools,
  operation: Operation,
  event: NodeEvent,
  detail: Readonly<Record<string, unknown>>,
): void {
  const { state } = tools.nodes.node(operation.node);
  if (nextState(state, event) !== undefined)
    tools.nodes.transition(operation.node, event, { operation: operation.id, ...detail });
  else
    tools.nodes.append({
      node: operation.node,
      mac: undefined,
      kind: event,
      detail: { operation: operation.id, ...detail },
    });
}
