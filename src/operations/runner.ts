// Moves operations along, level-triggered: it reads the stored operation, runs its first unfinished
// step, and saves what came of it. After a crash the same reading carries on where the store stands.

import type { NodeStore } from "../nodes/ports.ts";
import { type NodeEvent, nextState } from "../nodes/state.ts";
import type { Failure, Operation, OperationStore, StepRecord } from "./operation.ts";
import type { Plan, Step, StepResult } from "./result.ts";

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

/** Runs one operation until it ends or the signal aborts. */
async function drive(
  tools: RunnerTools,
  id: string,
  signal: AbortSignal,
  closing: AbortSignal,
): Promise<void> {
  const begun = tools.operations.operation(id);
  if (begun === undefined) return;
  const plan = tools.plan(begun);
  for (;;) {
    const operation = tools.operations.operation(id);
    if (operation === undefined || operation.status !== "running" || closing.aborted) return;
    if (operation.cancelRequested) return await cancel(tools, operation, plan);
    const record = operation.steps.find((step) => step.status !== "done");
    const step = plan.steps.find((candidate) => candidate.id === record?.id);
    if (record === undefined) return tools.operations.finish(id, "done", undefined);
    if (step === undefined)
      throw new Error(`operation ${id} names the step ${record.id}, which no plan has`);
    const pauseMs = await attempt(tools, operation, plan, step, record, signal);
    if (pauseMs > 0) await tools.clock.sleep(pauseMs, signal);
  }
}

/** One attempt at one step; returns how long to wait before the next look. */
async function attempt(
  tools: RunnerTools,
  operation: Operation,
  plan: Plan,
  step: Step,
  record: StepRecord,
  signal: AbortSignal,
): Promise<number> {
  const nowMs = tools.clock.now();
  const begun: StepRecord = {
    ...record,
    status: record.status === "pending" ? "running" : record.status,
    attempts: record.attempts + 1,
    startedAtMs: record.startedAtMs ?? nowMs,
  };
  // Later attempts are saved with what came of them: a waiting step is looked at every few seconds.
  if (record.status === "pending") tools.operations.saveStep(operation.id, begun);
  const result = await run(tools, operation, step, begun, signal);
  if (signal.aborted) return 0;
  switch (result.kind) {
    case "done":
      finishStep(tools, operation, begun, result);
      return 0;
    case "failed":
      await fail(tools, operation, plan, begun, result);
      return 0;
    case "wait": {
      const overdue = tools.clock.now() - (begun.startedAtMs ?? nowMs) >= step.deadlineMs;
      if (overdue) {
        const reason = `not done after ${Math.round(step.deadlineMs / 1000)} s: ${result.why}`;
        await fail(tools, operation, plan, begun, { reason, next: step.next });
        return 0;
      }
      tools.operations.saveStep(operation.id, {
        ...begun,
        status: "waiting",
        lastLine: result.why,
        evidence: { ...begun.evidence, ...result.evidence },
      });
      return result.retryAfterMs;
    }
  }
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
    // A fault in one step must not take the other nodes' DHCP down; it ends this operation, in full view.
    const reason = error instanceof Error ? error.message : String(error);
    return {
      kind: "failed",
      reason: `unexpected fault: ${reason}`,
      next: "read the server's log for this operation, then start it again",
    };
  }
}

function finishStep(
  tools: RunnerTools,
  operation: Operation,
  record: StepRecord,
  result: Extract<StepResult, { kind: "done" }>,
): void {
  const evidence = { ...record.evidence, ...result.evidence };
  tools.atomically(() => {
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
  tools: RunnerTools,
  operation: Operation,
  plan: Plan,
  record: StepRecord,
  why: { readonly reason: string; readonly next: string },
): Promise<void> {
  await stop(tools, operation, plan);
  const failure: Failure = { stage: record.id, reason: why.reason, next: why.next };
  tools.atomically(() => {
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

async function cancel(tools: RunnerTools, operation: Operation, plan: Plan): Promise<void> {
  await stop(tools, operation, plan);
  const stage = operation.steps.find((step) => step.status !== "done")?.id ?? "end";
  const failure = {
    stage,
    reason: "cancelled on request",
    next: `start it again when ready: rackstrap provision ${operation.node}`,
  };
  tools.atomically(() => {
    const { state } = tools.nodes.node(operation.node);
    const event = state === "armed" ? "install-cancelled" : "operation-failed";
    leave(tools, operation, event, { ...failure });
    tools.operations.finish(operation.id, "cancelled", failure);
  });
}

async function stop(tools: RunnerTools, operation: Operation, plan: Plan): Promise<void> {
  try {
    await plan.stop();
  } catch (error) {
    tools.onFault(operation, error);
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
