// The messages that open an RMCP+ session, as bytes and back: Open Session and RAKP 1 to 4 (IPMI 2.0 §13.17 to §13.24).
// The codes in them, and the keys that follow from them, are in session-keys.ts.

import type { Algorithms } from "./cipher-suites.ts";
import type { Malformed } from "./packet.ts";

/** Table 13-15. */
export const rakpStatus = {
  ok: 0x00,
  insufficientResources: 0x01,
  invalidSessionId: 0x02,
  invalidAuthentication: 0x04,
  invalidIntegrity: 0x05,
  inactiveSessionId: 0x08,
  invalidRole: 0x09,
  unauthorizedRole: 0x0a,
  insufficientResourcesForRole: 0x0b,
  unauthorizedName: 0x0d,
  invalidIntegrityCheck: 0x0f,
  invalidConfidentiality: 0x10,
  noCipherSuiteMatch: 0x11,
  illegalParameter: 0x12,
} as const;

/** Privilege level administrator (§13.17), with the bit that looks a user up by name alone. */
export const administratorByName = 0x14;

export interface OpenSessionRequest {
  readonly tag: number;
  readonly role: number;
  readonly consoleSessionId: number;
  readonly algorithms: Algorithms;
}

/** Refusals carry only the status. */
export type OpenSessionResponse =
  | { readonly tag: number; readonly status: number; readonly consoleSessionId: number }
  | {
      readonly tag: number;
      readonly status: 0;
      readonly consoleSessionId: number;
      readonly bmcSessionId: number;
      readonly algorithms: Algorithms;
    };

export function encodeOpenSessionRequest(request: OpenSessionRequest): Buffer {
  const head = Buffer.alloc(8);
  head[0] = request.tag;
  head[1] = request.role & 0x0f;
  head.writeUInt32LE(request.consoleSessionId, 4);
  return Buffer.concat([head, encodeAlgorithms(request.algorithms)]);
}

export function decodeOpenSessionRequest(payload: Buffer): OpenSessionRequest | Malformed {
  if (payload.length < 32) return { malformed: "shorter than an Open Session Request" };
  return {
    tag: payload.readUInt8(0),
    role: payload.readUInt8(1) & 0x0f,
    consoleSessionId: payload.readUInt32LE(4),
    algorithms: decodeAlgorithms(payload.subarray(8)),
  };
}

export function encodeOpenSessionResponse(response: OpenSessionResponse, role: number): Buffer {
  const head = Buffer.alloc("bmcSessionId" in response ? 12 : 8);
  head[0] = response.tag;
  head[1] = response.status;
  head[2] = role;
  head.writeUInt32LE(response.consoleSessionId, 4);
  if (!("bmcSessionId" in response)) return head;
  head.writeUInt32LE(response.bmcSessionId, 8);
  return Buffer.concat([head, encodeAlgorithms(response.algorithms)]);
}

export function decodeOpenSessionResponse(payload: Buffer): OpenSessionResponse | Malformed {
  // A refusal may end after its status and still carry the console's session id, or not (§13.18).
  if (payload.length < 2) return { malformed: "shorter than an Open Session Response" };
  const tag = payload.readUInt8(0);
  const status = payload.readUInt8(1);
  const consoleSessionId = payload.length >= 8 ? payload.readUInt32LE(4) : 0;
  if (status !== 0) return { tag, status, consoleSessionId };
  if (payload.length < 36) return { malformed: "shorter than an Open Session Response" };
  const algorithms = decodeAlgorithms(payload.subarray(12));
  return { tag, status, consoleSessionId, bmcSessionId: payload.readUInt32LE(8), algorithms };
}

//  Three times: kind | 00 00 | 08 (length) | algorithm | 00 00 00
function encodeAlgorithms({ authentication, integrity, confidentiality }: Algorithms): Buffer {
  return Buffer.from(
    [authentication, integrity, confidentiality].flatMap((algorithm, kind) => [
      ...[kind, 0, 0, 8],
      ...[algorithm, 0, 0, 0],
    ]),
  );
}

function decodeAlgorithms(bytes: Buffer): Algorithms {
  return {
    authentication: bytes.readUInt8(4) & 0x3f,
    integrity: bytes.readUInt8(12) & 0x3f,
    confidentiality: bytes.readUInt8(20) & 0x3f,
  };
}

export interface Rakp1 {
  readonly tag: number;
  readonly bmcSessionId: number;
  readonly consoleRandom: Buffer;
  readonly role: number;
  readonly user: string;
}

export function encodeRakp1({ tag, bmcSessionId, consoleRandom, role, user }: Rakp1): Buffer {
  const name = Buffer.from(user, "latin1");
  const bytes = Buffer.alloc(28 + name.length);
  bytes[0] = tag;
  bytes.writeUInt32LE(bmcSessionId, 4);
  consoleRandom.copy(bytes, 8, 0, 16);
  bytes[24] = role;
  bytes[27] = name.length;
  name.copy(bytes, 28);
  return bytes;
}

export function decodeRakp1(payload: Buffer): Rakp1 | Malformed {
  const length = payload[27];
  if (length === undefined || length > 16 || payload.length < 28 + length)
    return { malformed: "shorter than a RAKP message 1" };
  return {
    tag: payload.readUInt8(0),
    bmcSessionId: payload.readUInt32LE(4),
    consoleRandom: payload.subarray(8, 24),
    role: payload.readUInt8(24),
    user: payload.toString("latin1", 28, 28 + length),
  };
}

/** A refusal: what RAKP 2 and RAKP 4 have in common. */
export interface RakpRefusal {
  readonly tag: number;
  readonly status: number;
  readonly consoleSessionId: number;
}

export interface Rakp2 extends RakpRefusal {
  readonly bmcRandom: Buffer;
  readonly guid: Buffer;
  readonly code: Buffer;
}

export function encodeRakp2(message: Rakp2): Buffer {
  return Buffer.concat([encodeRakpHead(message), message.bmcRandom, message.guid, message.code]);
}

/** A refusal has empty `bmcRandom`, `guid` and `code`. */
export function decodeRakp2(payload: Buffer): Rakp2 | Malformed {
  const head = decodeRakpHead(payload);
  if ("malformed" in head) return head;
  if (head.status === 0 && payload.length < 40)
    return { malformed: "shorter than a RAKP message 2" };
  return {
    ...head,
    bmcRandom: payload.subarray(8, 24),
    guid: payload.subarray(24, 40),
    code: payload.subarray(40),
  };
}

export interface Rakp3 {
  readonly tag: number;
  readonly status: number;
  readonly bmcSessionId: number;
  readonly code: Buffer;
}

export function encodeRakp3({ bmcSessionId, ...message }: Rakp3): Buffer {
  return Buffer.concat([
    encodeRakpHead({ ...message, consoleSessionId: bmcSessionId }),
    message.code,
  ]);
}

export function decodeRakp3(payload: Buffer): Rakp3 | Malformed {
  const head = decodeRakpHead(payload);
  if ("malformed" in head) return head;
  const { tag, status, consoleSessionId: bmcSessionId } = head;
  return { tag, status, bmcSessionId, code: payload.subarray(8) };
}

export interface Rakp4 extends RakpRefusal {
  readonly code: Buffer;
}

export function encodeRakp4(message: Rakp4): Buffer {
  return Buffer.concat([encodeRakpHead(message), message.code]);
}

/** A refusal has an empty `code`. */
export function decodeRakp4(payload: Buffer): Rakp4 | Malformed {
  const head = decodeRakpHead(payload);
  return "malformed" in head ? head : { ...head, code: payload.subarray(8) };
}

//  tag | status | 00 00 | session id of who it is sent to
function encodeRakpHead({ tag, status, consoleSessionId }: RakpRefusal): Buffer {
  const head = Buffer.alloc(8);
  head[0] = tag;
  head[1] = status;
  head.writeUInt32LE(consoleSessionId, 4);
  return head;
}

function decodeRakpHead(payload: Buffer): RakpRefusal | Malformed {
  if (payload.length < 2) return { malformed: "shorter than a RAKP message" };
  const consoleSessionId = payload.length >= 8 ? payload.readUInt32LE(4) : 0;
  const head = { tag: payload.readUInt8(0), status: payload.readUInt8(1), consoleSessionId };
  if (head.status === 0 && payload.length < 8) return { malformed: "shorter than a RAKP message" };
  return head;
}
