// Brings a machine to a power state and sees it there. BMCs say "ok" and do nothing, or do it and
// don't say so; therefore the state is read again before anything is asked again.

import { type Bmc, BmcError, mayPass, type PowerState } from "./bmc.ts";
import type { Clock } from "./clock.ts";

export interface EnsurePowerOptions {
  /** Who it is, for messages: "node node01 (BMC 10.0.10.50)". */
  readonly subject: string;
  /** How long the whole change may take, from now. */
  readonly deadlineMs: number;
  readonly clock: Clock;
}

const pollMs = 2_000;
// BMCs that lost a request or answered too early get it again, but not at once and not for ever.
const resendMs = 15_000;
const maxRequests = 3;

/**
 * Makes the power state `target` and resolves when the BMC reports it. Only `on` and `off` are
 * asked for, which may be repeated safely; a restart is off, then on. Throws the BMC's own error
 * when trying again is no use, and a BmcError "timeout" when the deadline passes.
 */
export async function ensurePower(
  bmc: Bmc,
  target: PowerState,
  options: EnsurePowerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, subject, deadlineMs } = options;
  const startedMs = clock.now();
  let requests = 0;
  let requestedMs = Number.NEGATIVE_INFINITY;
  let obstacle: BmcError | undefined;
  for (;;) {
    signal.throwIfAborted();
    try {
      if ((await bmc.powerState(signal)) === target) return;
      if (requests < maxRequests && clock.now() - requestedMs >= resendMs) {
        requests += 1;
        requestedMs = clock.now();
        await bmc.power(target, signal);
      }
      obstacle = undefined;
    } catch (error) {
      if (!(error instanceof BmcError) || !mayPass(error)) throw error;
      obstacle = error;
    }
    if (clock.now() - startedMs >= deadlineMs) {
      const why = obstacle?.message ?? `asked ${requests} times, and the BMC reports no change`;
      throw new BmcError(
        "timeout",
        `${subject} is not seen ${target} after ${Math.round(deadlineMs / 1000)} s: ${why}`,
        { cause: obstacle },
      );
    }
    await clock.sleep(pollMs, signal);
  }
}
