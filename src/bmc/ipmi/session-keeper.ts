// The one session with a BMC: opened when it is needed, given back when it was idle for a while, forgotten when it does not
// answer.

import type { Ipv4 } from "../../net/ipv4.ts";
import { BmcError } from "../bmc.ts";
import type { Clock } from "../clock.ts";
import { offeredSuites } from "./channel.ts";
import type { Credentials, Fail } from "./handshake.ts";
import type { Link } from "./link.ts";
import { openSession, type Session } from "./session.ts";

export interface IpmiSettings extends Credentials {
  readonly address: Ipv4;
  readonly port: number;
  /** "best": 17 where the BMC has it, else 3. */
  readonly cipherSuite: 3 | 17 | "best";
}

export interface SessionKeeper {
  /** True when a session is open already, and so may have died unnoticed. */
  readonly hasSession: boolean;
  /** The open session, or a new one. Throws as `openSession` does. */
  session(signal?: AbortSignal): Promise<Session>;
  /** Forgets a session that does not answer, and tells the BMC so in case it hears. */
  drop(session: Session): void;
  /** To be called after each use: the session is closed unless it is used again soon. */
  used(): void;
  /** Keeps the session from being closed for idleness, until the returned function is called. */
  hold(): () => void;
  close(): Promise<void>;
}

// BMCs end a silent session after a minute (§6.12.15, ± 3 s) and have few: it is given back long before.
const idleMs = 15_000;

export function createSessionKeeper(
  settings: IpmiSettings,
  link: Link,
  clock: Clock,
  fail: Fail,
): SessionKeeper {
  let open: Session | undefined;
  let holders = 0;
  let idle = new AbortController();
  const close = async () => {
    const session = open;
    open = undefined;
    idle.abort("used");
    await session?.close();
  };
  const used = () => {
    idle.abort("used");
    if (open === undefined) return;
    idle = new AbortController();
    const { signal } = idle;
    void clock.sleep(idleMs, signal).then(async () => {
      if (!signal.aborted && holders === 0) await close();
    });
  };
  return {
    get hasSession() {
      return open !== undefined;
    },
    session: async (signal) => {
      idle.abort("used");
      open ??= await openBest(settings, link, fail, signal);
      return open;
    },
    drop: (session) => {
      if (open === session) open = undefined;
      void session.close();
    },
    used,
    hold: () => {
      holders += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holders -= 1;
        used();
      };
    },
    close,
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
