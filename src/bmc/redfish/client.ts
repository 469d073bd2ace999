// One BMC over Redfish: lets one caller speak at a time and for so long, and gives the session back when it is idle.

import { BmcError, type BmcFailureKind, bmcError } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { createQueue } from "../queue.ts";
import { createAsker, type RedfishAccess } from "./asker.ts";
import { startDeadline } from "./deadline.ts";
import { clean } from "./failure.ts";
import type { Timeouts } from "./http.ts";
import { pinnedFingerprint } from "./trust.ts";
import { createTurn, type Turn } from "./turn.ts";

export interface Limits extends Timeouts {
  /** For all that one verb takes, waiting and repeating included. */
  readonly verbMs: number;
}

export interface RedfishClient {
  /** Does `work` while nobody else speaks to this BMC. */
  exclusive<T>(work: (turn: Turn) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Ends the session and the connection. A later call opens others. Never rejects. */
  close(): Promise<void>;
}

// Long enough that a poll finds its session again (most BMCs log each log-in), and shorter than any BMC keeps one.
const idleMs = 60_000;

/** Throws an Error when the fingerprint or certificate of the settings is none. */
export function createRedfishClient(
  access: RedfishAccess,
  clock: Clock,
  limits: Limits,
): RedfishClient {
  pinnedFingerprint(access.trust);
  const subject = `BMC ${access.address}:${access.port}, user ${access.user}`;
  // What a BMC calls its things goes into messages as well.
  const fail = (kind: BmcFailureKind, said: string) => bmcError(kind, subject, clean(said));
  const asker = createAsker(access, clock, limits, fail);
  const queue = createQueue(`BMC ${access.address}`);
  let idle = new AbortController();

  const turn = (signal: AbortSignal) =>
    createTurn(asker.ask(signal), {
      fail,
      changePassword: asker.changePassword,
      sleep: (ms) => clock.sleep(ms, signal),
    });
  const closeWhenIdle = () => {
    idle = new AbortController();
    const { signal } = idle;
    void clock.sleep(idleMs, signal).then(async () => {
      if (!signal.aborted) await queue.addDespiteLimit(asker.logOut);
    });
  };
  return {
    exclusive: (work, signal) =>
      queue.add(async () => {
        idle.abort();
        const limit = startDeadline(clock, limits.verbMs, signal);
        try {
          return await work(turn(limit.signal));
        } catch (error) {
          if (!limit.passed() || error instanceof BmcError) throw error;
          throw fail("timeout", `not done after ${limits.verbMs / 1000} s`);
        } finally {
          limit.end();
          closeWhenIdle();
        }
      }, signal),
    close: () =>
      queue.addDespiteLimit(async () => {
        idle.abort();
        await asker.logOut();
        asker.close();
      }),
  };
}
