// A driver that leaves its BMC alone for a while after failures.

import { around } from "./around.ts";
import { type Bmc, BmcError } from "./bmc.ts";
import { createBreaker } from "./breaker.ts";
import type { Clock } from "./clock.ts";

/** The same driver with a breaker before every call that asks the BMC something. */
export function guarded(bmc: Bmc, clock: Clock): Bmc {
  const breaker = createBreaker();
  return around(bmc, async (call) => {
    breaker.check(clock.now());
    try {
      const result = await call();
      breaker.succeeded();
      return result;
    } catch (error) {
      if (error instanceof BmcError) breaker.failed(error, clock.now());
      throw error;
    }
  });
}
