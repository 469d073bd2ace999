// The codes of the RAKP messages and the keys of a session (IPMI 2.0 §13.28, §13.31, §13.32). Console and BMC compute the same
// from what both said; who has another password computes something else.

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import type { CipherSuite } from "./cipher-suites.ts";

/** What the two sides said to each other while the session was opened. */
export interface Exchange {
  readonly suite: CipherSuite;
  readonly consoleSessionId: number;
  readonly bmcSessionId: number;
  /** 16 octets each. */
  readonly consoleRandom: Buffer;
  readonly bmcRandom: Buffer;
  readonly guid: Buffer;
  /** As in RAKP message 1, with its lookup bit. */
  readonly role: number;
  readonly user: string;
}

export interface SessionKeys {
  readonly suite: CipherSuite;
  /** K1, for the authentication codes. As key objects: handing over the octets each time costs more than the hash. */
  readonly integrity: KeyObject;
  /** The first 16 octets of K2. */
  readonly encryption: KeyObject;
}

/** The code with which the BMC shows in RAKP 2 that it knows the user's key (§13.21). */
export function rakp2Code(exchange: Exchange, userKey: Buffer): Buffer {
  return hmac(exchange.suite, userKey, [
    word(exchange.consoleSessionId),
    word(exchange.bmcSessionId),
    exchange.consoleRandom,
    exchange.bmcRandom,
    exchange.guid,
    roleAndName(exchange),
  ]);
}

/** The code with which the console shows the same in RAKP 3 (§13.22). */
export function rakp3Code(exchange: Exchange, userKey: Buffer): Buffer {
  const parts = [exchange.bmcRandom, word(exchange.consoleSessionId), roleAndName(exchange)];
  return hmac(exchange.suite, userKey, parts);
}

/** The session integrity key (§13.31). `bmcKey` is K_G; BMCs without one use the user's key in its place. */
export function sessionIntegrityKey(exchange: Exchange, userKey: Buffer, bmcKey?: Buffer): Buffer {
  const parts = [exchange.consoleRandom, exchange.bmcRandom, roleAndName(exchange)];
  return hmac(exchange.suite, bmcKey ?? userKey, parts);
}

/** The integrity check value of RAKP 4 (§13.23), cut to the length of the suite. */
export function rakp4Code(exchange: Exchange, integrityKey: Buffer): Buffer {
  const parts = [exchange.consoleRandom, word(exchange.bmcSessionId), exchange.guid];
  return hmac(exchange.suite, integrityKey, parts).subarray(0, exchange.suite.codeLength);
}

/** K1 and K2 (§13.32). The constants have 20 octets with every hash. */
export function deriveKeys(suite: CipherSuite, integrityKey: Buffer): SessionKeys {
  const derived = (octet: number) => hmac(suite, integrityKey, [Buffer.alloc(20, octet)]);
  return {
    suite,
    integrity: createSecretKey(derived(1)),
    encryption: createSecretKey(derived(2).subarray(0, 16)),
  };
}

/** Compares two codes without telling by the time it takes where they differ. */
export function sameCode(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function hmac(suite: CipherSuite, key: Buffer, parts: readonly Buffer[]): Buffer {
  return createHmac(suite.hash, key).update(Buffer.concat(parts)).digest();
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function roleAndName({ role, user }: Exchange): Buffer {
  const name = Buffer.from(user, "latin1");
  return Buffer.concat([Buffer.of(role, name.length), name]);
}
