// One BMC over Redfish: logs in, lets one caller speak at a time and for so long, and gives the session back when it is idle. What
// the resources mean is in the files beside it.

import type { Secret } from "../../net/secret.ts";
import { BmcError, type BmcFailureKind, bmcError } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { createQueue } from "../queue.ts";
import { createHttp, type HttpRequest } from "./http.ts";
import { createLogin } from "./login.ts";
import { repeat } from "./repeat.ts";
import { type Origin, pinnedFingerprint } from "./trust.ts";
import { createTurn, type Turn } from "./turn.ts";

export interface RedfishAccess extends Origin {
  readonly user: string;
  readonly password: Secret;
  /** `basic` sends the password with every request; it is done anyway where the BMC has no sessions. */
  readonly authentication: "session" | "basic";
}

export interface Limits {
  /** For one request, and as much again for its connection. */
  readonly requestMs: number;
  /** For all that one verb takes, waiting and repeating included. */
  readonly verbMs: number;
}

export interface RedfishClient {
  /** Does `work` while nobody else speaks to this BMC. */
  exclusive<T>(work: (turn: Turn) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Ends the session and the connection. A later call opens others. */
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
  const fail = (kind: BmcFailureKind, said: string) => bmcError(kind, subject, said);
  const http = createHttp(access, limits.requestMs);
  const login = createLogin(http, access, subject);
  const queue = createQueue(`BMC ${access.address}`);
  let idle = new AbortController();

  /** Sends it as whoever the session says, and a second time when the BMC has forgotten that session: then nothing was done. */
  const attempt = async (request: HttpRequest, once: boolean, signal: AbortSignal) => {
    const send = async () => {
      const headers = { ...request.headers, ...(await login.headers(signal)) };
      return await http.send({ ...request, headers }, once, signal);
    };
    const reply = await send();
    return "status" in reply && reply.status === 401 && login.refused() ? await send() : reply;
  };
  const turn = (signal: AbortSignal) =>
    createTurn(
      (request, { once = false, secret } = {}) => {
        const secrets = () => [...login.secrets(), secret?.reveal() ?? ""];
        const conditional = request.headers?.["if-match"] !== undefined;
        const options = { once, conditional, clock, secrets, fail };
        return repeat(() => attempt(request, once, signal), options, signal);
      },
      { fail, changePassword: login.change, sleep: (ms) => clock.sleep(ms, signal) },
    );
  const closeWhenIdle = () => {
    idle = new AbortController();
    const { signal } = idle;
    void clock.sleep(idleMs, signal).then(async () => {
      if (!signal.aborted) await queue.add(login.close);
    });
  };

  return {
    exclusive: (work, signal) =>
      queue.add(async () => {
        idle.abort();
        const limit = AbortSignal.timeout(limits.verbMs);
        const either = signal === undefined ? limit : AbortSignal.any([signal, limit]);
        try {
          return await work(turn(either));
        } catch (error) {
          if (!limit.aborted || error instanceof BmcError) throw error;
          throw fail("timeout", `not done after ${limits.verbMs / 1000} s`);
        } finally {
          closeWhenIdle();
        }
      }, signal),
    close: () =>
      queue.add(async () => {
        idle.abort();
        await login.close();
        http.close();
      }),
  };
}
