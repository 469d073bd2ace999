// Serial over LAN: the commands that switch it on (IPMI 2.0 §24.1, §24.2) and its payload as bytes and back (§15.9).

import { netFns } from "./message.ts";
import type { Malformed } from "./packet.ts";
import type { Command } from "./session.ts";

const solPayload = 0x01;
const firstInstance = 0x01;

/** Activate Payload: encrypted, authenticated, with no alert behaviour of its own on the shared serial port. */
export const activateSol: Command = {
  netFn: netFns.app,
  command: 0x48,
  data: Buffer.of(solPayload, firstInstance, 0xc0, 0, 0, 0),
};

export const deactivateSol: Command = {
  netFn: netFns.app,
  command: 0x49,
  data: Buffer.of(solPayload, firstInstance, 0, 0, 0, 0),
};

/** Completion codes of Activate Payload (table 24-2). */
export const activationCodes = {
  alreadyActive: 0x80,
  disabled: 0x81,
  limitReached: 0x82,
  notWithEncryption: 0x83,
} as const;

/** How many octets of one payload the BMC takes. Undefined when the response is cut short. */
export function decodeActivation(data: Buffer): { readonly maxOutbound: number } | undefined {
  if (data.length < 8) return undefined;
  // The size counts the four octets of the payload's own head; a BMC that says nothing sensible gets little at a time.
  const size = data.readUInt16LE(6);
  return { maxOutbound: size > 4 && size <= 1024 ? size - 4 : 64 };
}

//  +----------+--------------+----------+---------------------+------+
//  | sequence | acknowledged | accepted | status or operation | data |
//  +----------+--------------+----------+---------------------+------+
//       1            1             1              1
export interface SolPacket {
  /** 1–15; 0: only acknowledges. */
  readonly sequence: number;
  /** Sequence of what is acknowledged; 0: nothing is. */
  readonly acknowledged: number;
  /** Octets that were taken of it. */
  readonly accepted: number;
  readonly data: Buffer;
  /** What was acknowledged was not taken, or not all of it. */
  readonly nack: boolean;
  /** From the BMC: the console ends. */
  readonly deactivating: boolean;
  /** To the BMC: a break is to be sent. */
  readonly sendBreak: boolean;
}

const nackBit = 0x40;
const bit4 = 0x10;

/** Reads what a BMC sends. Total. */
export function decodeSol(payload: Buffer): SolPacket | Malformed {
  if (payload.length < 4) return { malformed: "shorter than a SOL payload" };
  const flags = payload.readUInt8(3);
  return {
    sequence: payload.readUInt8(0) & 0x0f,
    acknowledged: payload.readUInt8(1) & 0x0f,
    accepted: payload.readUInt8(2),
    data: payload.subarray(4),
    nack: (flags & nackBit) !== 0,
    // Bit 4 means one thing in each direction.
    deactivating: (flags & bit4) !== 0,
    sendBreak: (flags & bit4) !== 0,
  };
}

const nothing: SolPacket = {
  ...{ sequence: 0, acknowledged: 0, accepted: 0, data: Buffer.alloc(0) },
  ...{ nack: false, deactivating: false, sendBreak: false },
};

/** Encodes a payload; what is not given is 0 or empty. */
export function encodeSol(packet: Partial<SolPacket>): Buffer {
  const { sequence, acknowledged, accepted, nack, ...rest } = { ...nothing, ...packet };
  const flags = (nack ? nackBit : 0) | (rest.deactivating || rest.sendBreak ? bit4 : 0);
  return Buffer.concat([Buffer.of(sequence, acknowledged, accepted, flags), rest.data]);
}
