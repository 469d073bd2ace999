// Time that passes only when nothing else can happen: a sleep ends as soon as everybody waits.

import type { Clock } from "../../src/bmc/clock.ts";

export interface VirtualClock extends Clock {
  /** Calls back after `ms`. */
  after(ms: number, call: () => void): void;
  /** Lets time pass until the promise is settled. Throws when it never will be. */
  settle<T>(promise: Promise<T>): Promise<T>;
}

interface Alarm {
  readonly atMs: number;
  readonly ring: () => void;
}

export function virtualClock(): VirtualClock {
  const alarms = new Set<Alarm>();
  let nowMs = 1_700_000_000_000;
  const after = (ms: number, ring: () => void): Alarm => {
    const alarm = { atMs: nowMs + ms, ring };
    alarms.add(alarm);
    return alarm;
  };
  return {
    now: () => nowMs,
    after,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const alarm = after(ms, resolve);
        signal.addEventListener(
          "abort",
          () => {
            alarms.delete(alarm);
            resolve();
          },
          { once: true },
        );
      }),
    settle: async (promise) => {
      let settled = false;
      const end = () => {
        settled = true;
      };
      promise.then(end, end);
      for (;;) {
        // Everything that needs no time happens first.
        await new Promise((resolve) => setImmediate(resolve));
        if (settled) return await promise;
        const [next] = [...alarms].sort((one, other) => one.atMs - other.atMs);
        if (next === undefined) throw new Error("everybody waits, and for nothing");
        alarms.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.ring();
      }
    },
  };
}
