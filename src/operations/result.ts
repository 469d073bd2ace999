// What a step returns. Only the runner turns it into saving, waiting or stopping.

import type { NodeEvent } from "../nodes/state.ts";
import type { Evidence, Operation } from "./operation.ts";

export type StepResult =
  /** `event` moves the node, in the same transaction that marks the step done. */
  | { readonly kind: "done"; readonly evidence?: Evidence; readonly event?: NodeEvent }
  | {
      readonly kind: "wait";
      readonly retryAfterMs: number;
      readonly why: string;
      readonly evidence?: Evidence;
    }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly next: string;
      readonly evidence?: Evidence;
    };

/** What a step is told at each attempt: the operation as stored, and its own evidence so far. */
export interface Attempt {
  readonly operation: Operation;
  readonly evidence: Evidence;
  readonly nowMs: number;
}

export interface Step {
  /** Unique in its plan. */
  readonly id: string;
  readonly title: string;
  /** The one of several nodes that it is about. */
  readonly node?: string;
  /** From the step's first attempt until it has failed. */
  readonly deadlineMs: number;
  /** What a person should do when the deadline passes. */
  readonly next: string;
  /** Idempotent: it may be run again after a crash at any point. */
  readonly run: (attempt: Attempt, signal: AbortSignal) => Promise<StepResult>;
}

/** The steps of one operation, and what must be undone when it stops before its end. */
export interface Plan {
  readonly steps: readonly Step[];
  /** Tried again when it throws. Says what it found no way to undo. */
  readonly stop: () => Promise<string | undefined>;
}

export function done(evidence: Evidence = {}, event?: NodeEvent): StepResult {
  return event === undefined ? { kind: "done", evidence } : { kind: "done", evidence, event };
}

export function wait(retryAfterMs: number, why: string, evidence?: Evidence): StepResult {
  return evidence === undefined
    ? { kind: "wait", retryAfterMs, why }
    : { kind: "wait", retryAfterMs, why, evidence };
}

export function failed(reason: string, next: string, evidence?: Evidence): StepResult {
  return evidence === undefined
    ? { kind: "failed", reason, next }
    : { kind: "failed", reason, next, evidence };
}
