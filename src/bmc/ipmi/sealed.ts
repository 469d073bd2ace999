// Payloads inside a session: encrypted with AES-CBC-128 and followed by an authentication code
// (IPMI 2.0 §13.29, §13.28.4, table 13-8).

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { encodeRmcpPlus, type Malformed, type RmcpPlusDatagram } from "./packet.ts";
import { type SessionKeys, sameCode } from "./session-keys.ts";

const nextHeader = 0x07;

/** What goes on the wire. `sessionId` is that of the side it is sent to. */
export interface Sealable {
  readonly payloadType: number;
  readonly sessionId: number;
  /** Counts up by one for each datagram of the session in this direction, from 1. */
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Encrypts and authenticates one payload. `vector` is for tests; by default it is random, as it must be. */
export function seal(keys: SessionKeys, sealable: Sealable, vector = randomBytes(16)): Buffer {
  const { payload, ...header } = sealable;
  const encrypted = encrypt(keys.encryption, payload, vector);
  const datagram = encodeRmcpPlus({ ...header, encrypted: true, authenticated: true }, encrypted);
  // The code covers everything behind the RMCP header, which is padded to a multiple of four octets.
  const padLength = (4 - ((datagram.length - 4 + 2) % 4)) % 4;
  const trailer = Buffer.alloc(padLength + 2, 0xff);
  trailer[padLength] = padLength;
  trailer[padLength + 1] = nextHeader;
  const covered = Buffer.concat([datagram, trailer]);
  return Buffer.concat([covered, codeOf(keys, covered.subarray(4))]);
}

/** The payload of a datagram of this session, checked and decrypted. Total: says why it is not to be believed. */
export function unseal(keys: SessionKeys, datagram: RmcpPlusDatagram): Buffer | Malformed {
  if (!datagram.encrypted || !datagram.authenticated)
    return { malformed: "neither encrypted nor authenticated inside a session that is" };
  const { codeLength } = keys.suite;
  const { afterRmcp, trailer, payload } = datagram;
  if (trailer.length < codeLength + 2) return { malformed: "no room for an authentication code" };
  const code = afterRmcp.subarray(-codeLength);
  if (!sameCode(codeOf(keys, afterRmcp.subarray(0, -codeLength)), code))
    return { malformed: "wrong authentication code" };
  return decrypt(keys.encryption, payload);
}

function codeOf(keys: SessionKeys, covered: Buffer): Buffer {
  const { hash, codeLength } = keys.suite;
  return createHmac(hash, keys.integrity).update(covered).digest().subarray(0, codeLength);
}

//  initialisation vector (16) | encrypted: payload, 01 02 03 …, number of those
function encrypt(key: KeyObject, payload: Buffer, vector: Buffer): Buffer {
  const padLength = (16 - ((payload.length + 1) % 16)) % 16;
  const pad = Buffer.from(Array.from({ length: padLength + 1 }, (_, index) => index + 1));
  pad[padLength] = padLength;
  const cipher = createCipheriv("aes-128-cbc", key, vector).setAutoPadding(false);
  return Buffer.concat([vector, cipher.update(Buffer.concat([payload, pad])), cipher.final()]);
}

function decrypt(key: KeyObject, encrypted: Buffer): Buffer | Malformed {
  if (encrypted.length < 32 || encrypted.length % 16 !== 0)
    return { malformed: `${encrypted.length} octets are no AES-CBC-128 payload` };
  const vector = encrypted.subarray(0, 16);
  const decipher = createDecipheriv("aes-128-cbc", key, vector).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(encrypted.subarray(16)), decipher.final()]);
  const padLength = plain.readUInt8(plain.length - 1);
  // The values of the padding are not looked at: BMCs fill it with what they like, and the code has been checked.
  if (padLength + 1 > plain.length) return { malformed: "more padding than payload" };
  return plain.subarray(0, plain.length - padLength - 1);
}
