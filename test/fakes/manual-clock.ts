// A clock that moves only when something sleeps on it or a test says so.

import type { Clock } from "../../src/operations/runner.ts";

export interface ManualClock extends Clock {
  advance(ms: number): void;
}

export function manualClock(startMs = 1_000_000): ManualClock {
  let nowMs = startMs;
  return {
    now: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
    sleep: async (ms) => {
      nowMs += ms;
      // Lets the other operations of the runner have their turn at the same virtual time.
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}
