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

export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** What the Open Session Request said, and where it came from. */
export interface Asked {
  readonly consoleSessionId: number;
  /** Absent: suite 0. */
  readonly suite: CipherSuite | undefined;
  readonly peer: Peer;
}

export interface BmcSession extends Asked {
  readonly id: number;
  readonly bmcRandom: Buffer;
  readonly window: SequenceWindow;
  /** Where its last datagram came from. */
  peer: Peer;
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
  begin(asked: Asked, now: number): BmcSession | undefined;
  /** The session of that id; undefined when there is none or it was silent for too long. */
  peek(id: number, now: number): BmcSession | undefined;
  /** The same, and it counts as heard of now. */
  find(id: number, now: number): BmcSession | undefined;
  end(id: number): boolean;
  endAll(): void;
  /** Those whose console is authenticated. */
  count(now: number): number;
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
  const peek = (id: number, now: number) => {
    expire(now);
    return table.get(id);
  };
  return {
    begin: (asked, now) => {
      expire(now);
      const known = [...table.values()].find(
        (session) => session.opening === undefined && isFrom(session, asked),
      );
      if (known !== undefined) return known;
      // Consoles that are told of a wrong password go without a word: who is half in gives way, the oldest first.
      const halfOpen = [...table.values()].find(({ caller }) => caller === undefined);
      if (table.size >= maximum && halfOpen !== undefined) end(halfOpen.id);
      if (table.size >= maximum) return undefined;
      const session = newSession(asked, now);
      table.set(session.id, session);
      return session;
    },
    peek,
    find: (id, now) => {
      const session = peek(id, now);
      if (session !== undefined) session.heardMs = now;
      return session;
    },
    end,
    endAll: () => {
      for (const id of table.keys()) end(id);
    },
    count: (now) => {
      expire(now);
      return [...table.values()].filter(({ caller }) => caller !== undefined).length;
    },
  };
}

/** ipmitool gives itself the same id each time: only with its address and port it is one console. */
function isFrom({ consoleSessionId, peer }: BmcSession, asked: Asked): boolean {
  const { address, port } = asked.peer;
  return (
    consoleSessionId === asked.consoleSessionId && peer.address === address && peer.port === port
  );
}

function newSession(asked: Asked, now: number): BmcSession {
  return {
    ...asked,
    id: randomInt(1, 0xffff_ffff),
    bmcRandom: randomBytes(16),
    window: createSequenceWindow(),
    heardMs: now,
    sequence: 0,
    opening: undefined,
    keys: undefined,
    caller: undefined,
  };
}
