// Moves operations along, level-triggered: it reads the stored operation, runs its first unfinished
// step, and saves what came of it. After a crash the same reading carries on where the store stands.

import { messageOf } from "../net/error-text.ts";
import type { NodeStore } from "../nodes/ports.ts";
import { type NodeEvent, nextState } from "../nodes/state.ts";
import {
  type Evidence,
  type Failure,
  type Operation,
  type OperationStore,
  openStep,
  type StepRecord,
} from "./operation.ts";
import type { Plan, Step, StepResult } from "./result.ts";
import { foundAnew } from "./steps/agree-members.ts";

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
  /** Ends what an operation for which there is no plan may have started, and removes its secrets. May be repeated. */
  readonly stopAbandoned: (operationId: string) => Promise<void>;
  /** What plans are made from. When it is another object than it was, an operation gets a new plan between two attempts. */
  readonly basis: () => object;
  readonly atomically: (work: () => void) => void;
  readonly clock: Clock;
  /** Whether the disk of the store and of the files beside it only lacks room: it is then tried again, and nothing else. */
  readonly isDiskFull: (error: unknown) => boolean;
  /** Milliseconds that pass whatever the clock is set to: deadlines go by them (reliability F6). */
  readonly elapsed: () => number;
  readonly onFault: (operation: Operation, error: unknown) => void;
  /** Goes on beside an operation until the signal aborts: when that ended, or the server stops. Must not reject. */
  readonly accompany: (operationId: string, signal: AbortSignal) => Promise<void>;
}

export interface Runner {
  /** Takes up every operation that the store says is running. */
  resume(): void;
  submit(operations: readonly Operation[]): void;
  /** Has one that ended badly go on from the step where it stopped. Throws when its nodes are taken meanwhile. */
  reopen(operationId: string): void;
  /** Asks an operation to stop; false when it is not running. */
  cancel(operationId: string): boolean;
  /** Lets go of all operations without ending them: they are resumed at the next start. */
  close(): Promise<void>;
}

export function createRunner(tools: RunnerTools): Runner {
  const running = new Map<string, { abort: AbortController; ended: Promise<void> }>();
  const beside = new Set<Promise<void>>();
  const closing = new AbortController();

  const take = (id: string): void => {
    if (running.has(id)) return;
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, closing.signal]);
    // A rejection here is a broken store or a bug: it is left to end the process, which starts again from the store.
    const over = new AbortController();
    const ended = drive(tools, id, signal, closing.signal).finally(() => {
      running.delete(id);
      over.abort();
    });
    const company = tools
      .accompany(id, AbortSignal.any([over.signal, closing.signal]))
      .finally(() => beside.delete(company));
    beside.add(company);
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
    reopen: (id) => {
      const operation = tools.operations.operation(id);
      tools.operations.reopen(id, operation === undefined ? [] : foundAnew(operation));
      take(id);
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
      await Promise.all(beside);
    },
  };
}

/** What every move of one operation works with. */
interface Driven {
  readonly tools: RunnerTools;
  readonly operation: Operation;
  readonly closing: AbortSignal;
}

/** When this process first tried a step. While the server was down nobody looked: what it takes up again has its whole time. */
interface Begun {
  readonly step: string;
  readonly atMs: number;
}

/** The same, once there is a plan. */
interface Planned extends Driven {
  readonly plan: Plan;
  readonly begun: Begun;
}

/** Runs one operation until it ends or the signal aborts. */
async function drive(
  tools: RunnerTools,
  id: string,
  signal: AbortSignal,
  closing: AbortSignal,
): Promise<void> {
  let basis: object | undefined;
  let plan: Plan | undefined;
  let begun: Begun | undefined;
  for (;;) {
    const operation = tools.operations.operation(id);
    if (operation === undefined || operation.status !== "running" || closing.aborted) return;
    const record = openStep(operation);
    // Its last step may have taken away what a plan is made of.
    if (record === undefined)
      return await persist({ tools, operation, closing }, () =>
        tools.operations.finish(id, "done", undefined),
      );
    if (plan === undefined || basis !== tools.basis()) {
      basis = tools.basis();
      plan = await planOf({ tools, operation, closing });
      if (plan === undefined) return;
    }
    if (begun?.step !== record.id) begun = { step: record.id, atMs: tools.elapsed() };
    const driven = { tools, operation, plan, closing, begun };
    if (operation.cancelRequested) return await cancel(driven);
    const step = plan.steps.find((candidate) => candidate.id === record.id);
    if (step === undefined) {
      const reason = `the operation has no step ${record.id} any more: this program or the inventory is another than when it began`;
      return await abandon(driven, reason, plan.stop);
    }
    const pauseMs = await attempt(driven, step, record, signal);
    if (pauseMs > 0) await tools.clock.sleep(pauseMs, signal);
  }
}

/** The plan, or undefined when there can be none any more: that ends the operation, and nobody else's. */
async function planOf(driven: Driven): Promise<Plan | undefined> {
  try {
    return driven.tools.plan(driven.operation);
  } catch (error) {
    await abandon(driven, messageOf(error));
    return undefined;
  }
}

/** `act`: how it is stopped; without a plan only what runs on this server can be ended. */
async function abandon(
  driven: Driven,
  reason: string,
  act: Plan["stop"] = async () => void (await driven.tools.stopAbandoned(driven.operation.id)),
): Promise<void> {
  const { node } = driven.operation;
  const next = `look at the node: rackstrap explain ${node}`;
  const left = await stop(driven, act);
  const why = { reason: `${reason}${left}`, next };
  await persist(driven, () => end(driven, "failed", "operation-failed", why));
}

/**
 * Keeps what `work` writes, or waits until there is room for it: what was done must not be done again because it
 * could not be written down. Gives up only when the server stops.
 */
async function persist({ tools, operation, closing }: Driven, work: () => void): Promise<void> {
  while (!closing.aborted) {
    try {
      return tools.atomically(work);
    } catch (error) {
      if (!tools.isDiskFull(error)) throw error;
      tools.onFault(operation, error);
      await tools.clock.sleep(storePauseMs, closing);
    }
  }
}

/** One attempt at one step; returns how long to wait before the next look. */
async function attempt(
  driven: Planned,
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
      await fail(driven, { ...begun, evidence: { ...begun.evidence, ...result.evidence } }, result);
      return 0;
    case "wait": {
      if (tools.elapsed() - driven.begun.atMs >= step.deadlineMs) {
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

async function save(driven: Driven, record: StepRecord): Promise<void> {
  const { operations } = driven.tools;
  await persist(driven, () => operations.saveStep(driven.operation.id, record));
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
    if (tools.isDiskFull(error))
      return { kind: "wait", retryAfterMs: storePauseMs, why: "the disk of the server is full" };
    // A fault in one step must not take the other nodes' DHCP down; it ends this operation, in full view.
    const reason = messageOf(error);
    return {
      kind: "failed",
      reason: `unexpected fault: ${reason}`,
      next: "read the server's log for this operation, then start it again",
    };
  }
}

async function finishStep(
  driven: Driven,
  record: StepRecord,
  result: Extract<StepResult, { kind: "done" }>,
): Promise<void> {
  const { tools, operation } = driven;
  const evidence = { ...record.evidence, ...result.evidence };
  await persist(driven, () => {
    if (result.event !== undefined)
      tell(tools, record.node ?? operation.node, result.event, {
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

async function fail(driven: Planned, record: StepRecord, why: Why): Promise<void> {
  const left = await stop(driven, driven.plan.stop);
  const { tools, operation } = driven;
  const whole = { reason: `${why.reason}${left}`, next: why.next };
  await persist(driven, () => {
    tools.operations.saveStep(operation.id, {
      ...record,
      status: "failed",
      endedAtMs: tools.clock.now(),
      lastLine: why.reason,
    });
    // Whoever is alarmed has the members as they were found, with the reason (reliability F13).
    const { members } = record.evidence;
    end(driven, "failed", "operation-failed", whole, members === undefined ? {} : { members });
  });
}

async function cancel(driven: Planned): Promise<void> {
  const left = await stop(driven, driven.plan.stop);
  const { tools, operation } = driven;
  const reason = `cancelled on request${left}`;
  const next = `what was done before stays done: rackstrap operations show ${operation.id}`;
  await persist(driven, () => {
    const { state } = tools.nodes.node(operation.node);
    const event = state === "armed" ? "install-cancelled" : "operation-failed";
    end(driven, "cancelled", event, { reason, next });
  });
}

type Why = Pick<Failure, "reason" | "next">;

/** Writes down that the operation ended badly, at the step it was in, and lets the node out of it. */
function end(
  { tools, operation }: Driven,
  status: "failed" | "cancelled",
  event: NodeEvent,
  { reason, next }: Why,
  found: Evidence = {},
): void {
  const failure: Failure = { stage: openStep(operation)?.id ?? "end", reason, next };
  leave(tools, operation, event, { ...failure, ...found });
  tools.operations.finish(operation.id, status, failure);
}

const stopTries = 5;
const stopPauseMs = 5000;

/**
 * Ends what the operation started. It must not count as ended while its processes still write, so it is tried again. Returns what is to
 * be told beside why it ended: empty, or what was not undone.
 */
async function stop({ tools, operation }: Driven, act: Plan["stop"]): Promise<string> {
  let left: string | undefined;
  for (let tries = 1; tries <= stopTries; tries++) {
    try {
      left = await act();
      break;
    } catch (error) {
      left = messageOf(error);
      tools.onFault(operation, error);
      await tools.clock.sleep(stopPauseMs, new AbortController().signal);
    }
  }
  return left === undefined ? "" : `; not all was undone: ${left}`;
}

/** Moves the node out of the operation where its state has such a move; a node never armed stays as it is. */
function leave(
  tools: RunnerTools,
  operation: Operation,
  event: NodeEvent,
  detail: Readonly<Record<string, unknown>>,
): void {
  const node = openStep(operation)?.node ?? operation.node;
  tell(tools, node, event, { operation: operation.id, ...detail });
}

/** A node that is in another state by now, as after another operation, stays in it: a move that there is not would end the server. */
function tell(
  { nodes }: RunnerTools,
  node: string,
  event: NodeEvent,
  detail: Readonly<Record<string, unknown>>,
): void {
  const { state } = nodes.node(node);
  if (nextState(state, event) !== undefined) nodes.transition(node, event, detail);
  else nodes.append({ node, mac: undefined, kind: event, detail });
}
