// The session table of a simulated BMC: a limited number of sessions, each ended after a minute of silence. How one gets into it
// is in handshake.ts.

import { randomBytes, randomInt } from "node:crypto";
import type { CipherSuite } from "../../../src/bmc/ipmi/cipher-suites.ts";
import {
  createSequenceWindow,
  type SequenceWindow,
} from "../../../src/bmc/ipmi/sequence-window.ts";
import type { SessionKeys } from "../../../src/bmc/ipmi/session-keys.ts";
import type { SimulatedUser } from "../machine.ts";
import type { Caller } from "./command.ts";

export interface BmcSession {
  readonly id: number;
  readonly consoleSessionId: number;
  /** Absent: suite 0. */
  readonly suite: CipherSuite | undefined;
  readonly bmcRandom: Buffer;
  readonly window: SequenceWindow;
  heardMs: number;
  /** Of the last datagram that the BMC sent. */
  sequence: number;
  /** Absent until RAKP 1. */
  opening: Opening | undefined;
  /** Absent until RAKP 3, and with suite 0. */
  keys: SessionKeys | undefined;
  /** Absent until its console proved in RAKP 3 that it knows the password. */
  caller: Caller | undefined;
}

/** What RAKP 1 said. */
export interface Opening {
  readonly user: SimulatedUser;
  readonly role: number;
  readonly consoleRandom: Buffer;
}

export interface Sessions {
  /** A slot for this console; the one it has, when its request comes again; undefined when all are taken. */
  begin(
    consoleSessionId: number,
    suite: CipherSuite | undefined,
    now: number,
  ): BmcSession | undefined;
  /** The session of that id, which is heard of now; undefined when there is none or it was silent for too long. */
  find(id: number, now: number): BmcSession | undefined;
  end(id: number): boolean;
  endAll(): void;
}

// §6.12.15.
const silentForMs = 60_000;

/** At most `maximum` sessions at a time. `ended` hears of each that is gone, however it went. */
export function createSessions(maximum: number, ended: (id: number) => void): Sessions {
  const table = new Map<number, BmcSession>();
  const end = (id: number) => {
    const existed = table.delete(id);
    if (existed) ended(id);
    return existed;
  };
  const expire = (now: number) => {
    for (const { id, heardMs } of table.values()) if (now - heardMs > silentForMs) end(id);
  };
  return {
    begin: (consoleSessionId, suite, now) => {
      expire(now);
      const known = [...table.values()].find(
        (session) => session.consoleSessionId === consoleSessionId && session.opening === undefined,
      );
      if (known !== undefined) return known;
      if (table.size >= maximum) return undefined;
      const session = newSession(consoleSessionId, suite, now);
      table.set(session.id, session);
      return session;
    },
    find: (id, now) => {
      expire(now);
      const session = table.get(id);
      if (session !== undefined) session.heardMs = now;
      return session;
    },
    end,
    endAll: () => {
      for (const id of table.keys()) end(id);
    },
  };
}

function newSession(
  consoleSessionId: number,
  suite: CipherSuite | undefined,
  now: number,
): BmcSession {
  return {
    id: randomInt(1, 0xffff_ffff),
    consoleSessionId,
    suite,
    bmcRandom: randomBytes(16),
    window: createSequenceWindow(),
    heardMs: now,
    sequence: 0,
    opening: undefined,
    keys: undefined,
    caller: undefined,
  };
}
