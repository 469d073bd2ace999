// Requests to one BMC as the user of the settings: logged in, sent again when they may be, answered or explained.

import type { Secret } from "../../net/secret.ts";
import { unsent } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import {
  createHttp,
  type HttpRequest,
  type HttpResponse,
  type Lost,
  type Timeouts,
} from "./http.ts";
import { type Credentials, createLogin } from "./login.ts";
import { type Repeating, repeat } from "./repeat.ts";
import type { Origin } from "./trust.ts";
import type { Ask } from "./turn.ts";

export interface RedfishAccess extends Origin, Credentials {}

export interface Asker {
  /** Throws a BmcError for every answer outside 200–299, but for 412 to a conditional request; and the signal's reason. */
  ask(signal: AbortSignal): Ask;
  changePassword(password: Secret): void;
  /** Gives the session back. Takes no longer than a few seconds and never throws. */
  logOut(): Promise<void>;
  /** Cuts the connection. */
  close(): void;
}

const logOutMs = 3_000;

export function createAsker(
  access: RedfishAccess,
  clock: Clock,
  timeouts: Timeouts,
  fail: Repeating["fail"],
): Asker {
  const http = createHttp(access, clock, timeouts);
  const repeating = (
    attempt: () => Promise<HttpResponse | Lost>,
    how: Partial<Repeating>,
    signal: AbortSignal,
  ) => {
    const { secrets } = login;
    const usual = { afterLoss: true, afterBusy: true, conditional: false, clock, fail, secrets };
    return repeat(attempt, { ...usual, ...how }, signal);
  };
  const login = createLogin(access, (request, { isLogin }, signal) =>
    // An answer that is lost may have taken one of the BMC's few sessions.
    repeating(() => http.send(request, isLogin, signal), { afterLoss: !isLogin }, signal),
  );
  const loggedIn = async (signal: AbortSignal) => {
    try {
      return await login.headers(signal);
    } catch (error) {
      throw unsent(error);
    }
  };
  /** Sends it as whoever the session says, and a second time when the BMC does not take that session: then nothing was done. */
  const attempt = async (request: HttpRequest, once: boolean, signal: AbortSignal) => {
    const send = async () => {
      const headers = { ...request.headers, ...(await loggedIn(signal)) };
      return await http.send({ ...request, headers }, once, signal);
    };
    const reply = await send();
    if (!("status" in reply) || reply.status !== 401) return reply;
    return (await login.refused(signal)) ? await send() : reply;
  };
  return {
    changePassword: login.change,
    close: http.close,
    ask:
      (signal) =>
      (request, { once = false, secret } = {}) => {
        const conditional = request.headers?.["if-match"] !== undefined;
        const secrets = () => [...login.secrets(), secret?.reveal() ?? ""];
        // Even "busy" of a front end can follow a back end that has done it.
        const how = { afterLoss: !once, afterBusy: !once, conditional, secrets };
        return repeating(() => attempt(request, once, signal), how, signal);
      },
    logOut: () => login.close(AbortSignal.timeout(logOutMs)),
  };
}
