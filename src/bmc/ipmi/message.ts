// IPMI messages on a LAN as bytes and back (IPMI 2.0 §13.8, tables 13-8 and 13-9), and the completion codes of §5.2.

import type { Malformed } from "./packet.ts";

/** Network functions of requests (table 5-1); a response has the next odd one. */
export const netFns = {
  chassis: 0x00,
  sensor: 0x04,
  app: 0x06,
  storage: 0x0a,
  transport: 0x0c,
} as const;

const bmcAddress = 0x20;
// Software identification of a remote console (§5.5).
const consoleAddress = 0x81;

export interface IpmiRequest {
  readonly netFn: number;
  readonly command: number;
  readonly data: Buffer;
  /** 0–63; the response repeats it. */
  readonly sequence: number;
}

export interface IpmiResponse {
  /** Of the request, so even. */
  readonly netFn: number;
  readonly command: number;
  readonly sequence: number;
  readonly completion: number;
  readonly data: Buffer;
}

//  +-------+-----------+----------+-------+---------+-----+------+----------+
//  | rsAddr| netFn/LUN | checksum | rqAddr| seq/LUN | cmd | data | checksum |
//  +-------+-----------+----------+-------+---------+-----+------+----------+
//  A response has the two addresses the other way round and a completion code before its data.

/** Encodes a request to the BMC's LUN 0. */
export function encodeRequest({ netFn, command, data, sequence }: IpmiRequest): Buffer {
  return encode(bmcAddress, netFn, consoleAddress, sequence, command, data);
}

export function encodeResponse(response: IpmiResponse): Buffer {
  const { netFn, command, sequence, completion, data } = response;
  const body = Buffer.concat([Buffer.from([completion]), data]);
  return encode(consoleAddress, netFn | 1, bmcAddress, sequence, command, body);
}

function encode(
  to: number,
  netFn: number,
  from: number,
  sequence: number,
  command: number,
  data: Buffer,
): Buffer {
  const head = Buffer.from([to, netFn << 2]);
  const body = Buffer.concat([Buffer.from([from, (sequence & 0x3f) << 2, command]), data]);
  return Buffer.concat([head, Buffer.of(checksum(head)), body, Buffer.of(checksum(body))]);
}

/** Reads a request as a BMC gets it. Total. */
export function decodeRequest(payload: Buffer): IpmiRequest | Malformed {
  const parts = decode(payload, 7);
  if ("malformed" in parts) return parts;
  const { netFn, sequence, command, data } = parts;
  if (netFn % 2 !== 0) return { malformed: "a response where a request was due" };
  return { netFn, sequence, command, data };
}

/** Reads a response. Total. */
export function decodeResponse(payload: Buffer): IpmiResponse | Malformed {
  const parts = decode(payload, 8);
  if ("malformed" in parts) return parts;
  const { netFn, sequence, command, data } = parts;
  if (netFn % 2 !== 1) return { malformed: "a request where a response was due" };
  return {
    netFn: netFn - 1,
    sequence,
    command,
    completion: data.readUInt8(0),
    data: data.subarray(1),
  };
}

interface Parts {
  readonly netFn: number;
  readonly sequence: number;
  readonly command: number;
  readonly data: Buffer;
}

function decode(payload: Buffer, least: number): Parts | Malformed {
  if (payload.length < least) return { malformed: `${payload.length} octets are no IPMI message` };
  if (checksum(payload.subarray(0, 3)) !== 0 || checksum(payload.subarray(3)) !== 0)
    return { malformed: "wrong checksum" };
  return {
    netFn: payload.readUInt8(1) >> 2,
    sequence: payload.readUInt8(4) >> 2,
    command: payload.readUInt8(5),
    data: payload.subarray(6, -1),
  };
}

/** Two's complement of the sum: the octets and it add up to 0 (§13.8). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}

/** Completion codes (table 5-2) that mean more to a caller than that the command failed. */
export const completionCodes = {
  ok: 0x00,
  nodeBusy: 0xc0,
  invalidCommand: 0xc1,
  timeout: 0xc3,
  outOfSpace: 0xc4,
  invalidReservation: 0xc5,
  parameterOutOfRange: 0xc9,
  cannotReturnThatMany: 0xca,
  notPresent: 0xcb,
  invalidDataField: 0xcc,
  insufficientPrivilege: 0xd4,
  notInThisState: 0xd5,
  unspecified: 0xff,
} as const;
