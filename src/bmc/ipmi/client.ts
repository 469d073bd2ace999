// Commands to one BMC over IPMI, one at a time, each repeated or not as it bears. What they say is in the files beside it.

import { BmcError, bmcError, unsent } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { createQueue } from "../queue.ts";
import { failureOfCompletion } from "./failure.ts";
import type { Fail } from "./handshake.ts";
import type { Link } from "./link.ts";
import { completionCodes, type IpmiResponse } from "./message.ts";
import type { Command, Session } from "./session.ts";
import { createSessionKeeper, type IpmiSettings, type SessionKeeper } from "./session-keeper.ts";

export interface RunOptions {
  /** Sent once and never again: a second copy would do it a second time. */
  readonly once?: boolean;
}

/** The BMC, for as long as nobody else speaks to it. */
export interface Turn {
  /** Runs one command and gives its response data. Throws a BmcError for every completion code but 0. */
  run(command: Command, options?: RunOptions): Promise<Buffer>;
  /** Runs one command, whatever its completion code. For commands with codes of their own. */
  ask(command: Command): Promise<IpmiResponse>;
  /** The error for a completion code. */
  refused(response: IpmiResponse): BmcError;
  /**
   * The session that the last command was answered in, for serial over LAN. It is kept until `release`, whatever the time; commands
   * go on beside it.
   */
  hold(): Promise<HeldSession>;
  sleep(ms: number): Promise<void>;
  readonly fail: Fail;
}

/** A session that stays open until it is released. */
export interface HeldSession {
  readonly session: Session;
  release(): void;
}

export interface IpmiClient {
  /** Does `work` while nobody else speaks to this BMC. */
  exclusive<T>(work: (turn: Turn) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Asks outside any session: for the cipher suites. */
  readonly link: Link;
  /** Ends the session. A later command opens another. Never rejects. */
  close(): Promise<void>;
}

const repeatableWaitsMs = [1000, 2000, 4000];
// Long enough for a BMC that does the work before it answers.
const onceWaitsMs = [8000];
const busyWaitMs = 500;
const busyTries = 4;

export function createIpmiClient(settings: IpmiSettings, link: Link, clock: Clock): IpmiClient {
  const { address, port, user } = settings;
  const fail: Fail = (kind, said) => bmcError(kind, `BMC ${address}:${port}, user ${user}`, said);
  const queue = createQueue(`BMC ${address}`);
  const keeper = createSessionKeeper(settings, link, clock, fail);
  const turn = (signal: AbortSignal | undefined): Turn => {
    const ask = (command: Command, once = false) =>
      whileBusy(() => askIn(keeper, command, once, fail, signal), clock, signal);
    return {
      ask: (command) => ask(command),
      run: async (command, options) => {
        const response = await ask(command, options?.once);
        if (response.completion === completionCodes.ok) return response.data;
        throw refusal(response, fail);
      },
      refused: (response) => refusal(response, fail),
      hold: async () => ({ session: await keeper.session(signal), release: keeper.hold() }),
      sleep: async (ms) => {
        await clock.sleep(ms, signal ?? new AbortController().signal);
        signal?.throwIfAborted();
      },
      fail,
    };
  };
  return {
    link,
    exclusive: (work, signal) =>
      queue.add(async () => {
        try {
          return await work(turn(signal));
        } finally {
          keeper.used();
        }
      }, signal),
    close: () => queue.addDespiteLimit(() => keeper.close()),
  };
}

function refusal(response: IpmiResponse, fail: Fail): BmcError {
  const { kind, said } = failureOfCompletion(response);
  return fail(kind, said);
}

/** Asks once more in a new session when the one from before is silent: the BMC may have restarted since. */
async function askIn(
  keeper: SessionKeeper,
  command: Command,
  once: boolean,
  fail: Fail,
  signal?: AbortSignal,
): Promise<IpmiResponse> {
  const sessions = keeper.hasSession && !once ? 2 : 1;
  for (let tried = 0; tried < sessions; tried += 1) {
    const session = await sessionFor(keeper, tried > 0, fail, signal);
    const response = await session.request(command, once ? onceWaitsMs : repeatableWaitsMs, signal);
    if (response !== undefined) return response;
    keeper.drop(session);
  }
  throw fail("timeout", once ? "no answer, and it may have done what it was asked" : "no answer");
}

/** The session for a command, which may have gone out in another session before. */
async function sessionFor(
  keeper: SessionKeeper,
  wentOut: boolean,
  fail: Fail,
  signal: AbortSignal | undefined,
): Promise<Session> {
  try {
    return await keeper.session(signal);
  } catch (error) {
    if (!wentOut) throw unsent(error);
    if (!(error instanceof BmcError) || error.kind !== "unreachable") throw error;
    throw fail("timeout", "it fell silent, and may have done what it was asked");
  }
}

/** "Node busy" is said before anything is done, so even what must not be done twice may be asked again. */
async function whileBusy(
  ask: () => Promise<IpmiResponse>,
  clock: Clock,
  signal = new AbortController().signal,
): Promise<IpmiResponse> {
  for (let tries = 1; ; tries += 1) {
    const response = await ask();
    if (response.completion !== completionCodes.nodeBusy || tries >= busyTries) return response;
    await clock.sleep(busyWaitMs, signal);
    signal.throwIfAborted();
  }
}
