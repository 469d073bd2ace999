// A limit of time as a signal, on the clock that the caller is given.

import type { Clock } from "../clock.ts";

export interface Deadline {
  /** Aborts when the time is over, or the outer signal does. */
  readonly signal: AbortSignal;
  /** Whether the time is over. */
  passed(): boolean;
  /** To be called when the work is done: nothing waits any more. */
  end(): void;
}

export function startDeadline(clock: Clock, ms: number, outer?: AbortSignal): Deadline {
  const ended = new AbortController();
  const late = new AbortController();
  void clock.sleep(ms, ended.signal).then(() => {
    if (!ended.signal.aborted) late.abort(new Error(`not done after ${ms / 1000} s`));
  });
  return {
    signal: outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]),
    passed: () => late.signal.aborted,
    end: () => ended.abort(),
  };
}
