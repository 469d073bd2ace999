// Holds back machines that are about to start until it is their turn, whoever starts them: an operator, or an installation.

import type { Clock } from "./clock.ts";
import { createStartCalendar, type Starter, type StartLimits } from "./power-plan.ts";

export interface Stagger {
  /** Resolves when a machine of this group may start, which must then happen at once. Throws the signal's reason. */
  turn(group: string | undefined, signal: AbortSignal): Promise<void>;
}

interface Waiter extends Starter {
  readonly go: () => void;
}

export function createStagger(limits: () => StartLimits, clock: Clock): Stagger {
  const calendar = createStartCalendar(limits);
  const waiting: Waiter[] = [];
  let wake = new AbortController();
  let running = false;

  const serve = async () => {
    running = true;
    for (;;) {
      const nowMs = clock.now();
      const next = calendar.next(waiting, nowMs);
      if (next === undefined) break;
      if (next.startMs > nowMs) {
        wake = new AbortController();
        await clock.sleep(next.startMs - nowMs, wake.signal);
        continue;
      }
      waiting.splice(waiting.indexOf(next.starter), 1);
      calendar.add(next.starter, nowMs);
      next.starter.go();
    }
    running = false;
  };

  return {
    turn: (group, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason as Error);
        const leave = () => {
          waiting.splice(waiting.indexOf(waiter), 1);
          wake.abort();
          reject(signal.reason as Error);
        };
        const waiter: Waiter = {
          group,
          go: () => {
            signal.removeEventListener("abort", leave);
            resolve();
          },
        };
        signal.addEventListener("abort", leave, { once: true });
        waiting.push(waiter);
        // Its group may be free sooner than the one that is slept for.
        if (running) wake.abort();
        else void serve();
      }),
  };
}
