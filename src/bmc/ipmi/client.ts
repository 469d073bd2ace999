// One BMC over IPMI: keeps one session, opens it when it is needed, closes it when it is idle, and gives commands one at a
// time. What the commands say is in the files beside it.

import { BmcError, bmcError } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { createQueue } from "../queue.ts";
import { offeredSuites } from "./channel.ts";
import { failureOfCompletion } from "./failure.ts";
import type { Credentials, Fail } from "./handshake.ts";
import type { Link } from "./link.ts";
import { completionCodes } from "./message.ts";
import { type Command, openSession, type Session } from "./session.ts";

export interface IpmiSettings extends Credentials {
  readonly address: string;
  readonly port: number;
  /** "best": 17 where the BMC has it, else 3. */
  readonly cipherSuite: 3 | 17 | "best";
}

export interface RunOptions {
  /** Sent once and never again: a second copy would do it a second time. */
  readonly once?: boolean;
}

/** The BMC, for as long as nobody else speaks to it. */
export interface Turn {
  /** Runs one command and gives its response data. Throws a BmcError for every completion code but 0. */
  run(command: Command, options?: RunOptions): Promise<Buffer>;
  readonly fail: Fail;
}

export interface IpmiClient {
  /** Does `work` while nobody else speaks to this BMC. */
  exclusive<T>(work: (turn: Turn) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** The session itself, for serial over LAN. It is kept until `release`, whatever the time; commands go on beside it. */
  hold(signal?: AbortSignal): Promise<{ readonly session: Session; release(): void }>;
  /** Asks outside any session: for the cipher suites. */
  readonly link: Link;
  /** Ends the session. A later command opens another. */
  close(): Promise<void>;
}

const repeatableWaitsMs = [1000, 2000, 4000];
// Long enough for a BMC that does the work before it answers.
const onceWaitsMs = [8000];
const busyWaitMs = 500;
const busyTries = 4;
// BMCs end a silent session after a minute (§6.12.15, ± 3 s) and have few: it is given back long before.
const idleMs = 15_000;

export function createIpmiClient(settings: IpmiSettings, link: Link, clock: Clock): IpmiClient {
  const { address, port, user } = settings;
  const fail: Fail = (kind, said) => bmcError(kind, `BMC ${address}:${port}, user ${user}`, said);
  const queue = createQueue(`BMC ${address}`);
  let open: Session | undefined;
  let holders = 0;
  let idle = new AbortController();

  const ensureOpen = async (signal?: AbortSignal): Promise<Session> => {
    open ??= await openBest(settings, link, fail, signal);
    return open;
  };
  /** Forgets a session that does not answer, and tells the BMC so in case it hears. */
  const drop = (session: Session) => {
    if (open === session) open = undefined;
    void session.close();
  };
  const closeWhenIdle = () => {
    idle.abort();
    idle = new AbortController();
    const { signal } = idle;
    void clock.sleep(idleMs, signal).then(async () => {
      if (!signal.aborted && holders === 0) await close();
    });
  };
  const close = () =>
    queue.add(async () => {
      const session = open;
      open = undefined;
      await session?.close();
    });

  const ask = async (command: Command, once: boolean, signal?: AbortSignal) => {
    const reused = open !== undefined;
    const session = await ensureOpen(signal);
    const response = await session.request(command, once ? onceWaitsMs : repeatableWaitsMs, signal);
    if (response !== undefined) return response;
    drop(session);
    // The BMC may have restarted since the session was last used. Only what does no harm twice is asked again.
    if (reused && !once) {
      const fresh = await ensureOpen(signal);
      const again = await fresh.request(command, repeatableWaitsMs, signal);
      if (again !== undefined) return again;
      drop(fresh);
    }
    throw fail("timeout", once ? "no answer, and it may have done what it was asked" : "no answer");
  };
  const run = async (command: Command, once: boolean, signal?: AbortSignal): Promise<Buffer> => {
    for (let tries = 1; ; tries += 1) {
      const response = await ask(command, once, signal);
      if (response.completion === completionCodes.ok) return response.data;
      const { kind, said } = failureOfCompletion(response);
      // "Node busy" is said before anything is done, so everything may be asked again.
      if (response.completion !== completionCodes.nodeBusy || tries >= busyTries)
        throw fail(kind, said);
      await clock.sleep(busyWaitMs, signal ?? new AbortController().signal);
    }
  };

  return {
    link,
    close,
    exclusive: (work, signal) =>
      queue.add(async () => {
        try {
          return await work({
            run: (command, options) => run(command, options?.once === true, signal),
            fail,
          });
        } finally {
          closeWhenIdle();
        }
      }, signal),
    hold: async (signal) => {
      const session = await queue.add(() => ensureOpen(signal), signal);
      holders += 1;
      return {
        session,
        release: () => {
          holders -= 1;
          closeWhenIdle();
        },
      };
    },
  };
}

/** Opens a session with the suite that the settings name. What the BMC has instead is asked only when it has not that one. */
async function openBest(
  settings: IpmiSettings,
  link: Link,
  fail: Fail,
  signal?: AbortSignal,
): Promise<Session> {
  const wanted = settings.cipherSuite === "best" ? 17 : settings.cipherSuite;
  try {
    return await openSession(link, settings, wanted, fail, signal);
  } catch (error) {
    if (!(error instanceof BmcError) || error.kind !== "unsupported") throw error;
    const offered = await offeredSuites(link, signal);
    if (settings.cipherSuite === "best" && offered?.some(({ id }) => id === 3) !== false)
      return await openSession(link, settings, 3, fail, signal);
    const ids = offered?.map(({ id }) => id).join(", ") ?? "does not say which";
    throw fail("unsupported", `it has not cipher suite ${wanted}; it has: ${ids}`);
  }
}
