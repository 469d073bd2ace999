// The time of day, for what is kept over a restart. Waits are measured by bmc/clock.ts and the kernel.

import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../operations/runner.ts";

export const clock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    // An abort ends the sleep early; whoever slept looks at the signal.
    await delay(ms, undefined, { signal }).catch(() => undefined);
  },
};
