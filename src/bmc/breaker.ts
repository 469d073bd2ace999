// When a BMC that failed is asked again: not at once, later and later, and again as soon as it answered. A BMC that many ask at
// once while it is half dead does not come back, and one that counts wrong passwords locks the user out.

import { BmcError } from "./bmc.ts";

export interface Breaker {
  /** Throws the last failure while it is too early to ask again. */
  check(nowMs: number): void;
  succeeded(): void;
  failed(error: BmcError, nowMs: number): void;
}

// One lost answer is no failure of the BMC; the second begins the pauses.
const failuresBefore = 2;
const pausesMs = [5_000, 10_000, 15_000];
// A user is locked out after three to ten wrong passwords in some minutes.
const refusedPauseMs = 60_000;

export function createBreaker(): Breaker {
  let failures = 0;
  let last: BmcError | undefined;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  return {
    check: (nowMs) => {
      if (last === undefined || nowMs >= notBeforeMs) return;
      const seconds = Math.ceil((notBeforeMs - nowMs) / 1000);
      throw new BmcError(last.kind, `${last.message} (it is asked again in ${seconds} s)`, {
        cause: last,
        sent: false,
      });
    },
    succeeded: () => {
      failures = 0;
      last = undefined;
    },
    failed: (error, nowMs) => {
      const { kind } = error;
      // It answered: what it can't do, or not now, is no reason to leave it alone.
      if (kind === "unsupported" || kind === "protocol" || kind === "busy") return;
      failures += 1;
      last = error;
      const pause = pausesMs[Math.min(failures - failuresBefore, pausesMs.length - 1)] ?? 0;
      notBeforeMs = nowMs + (kind === "authentication" ? refusedPauseMs : pause);
    },
  };
}
