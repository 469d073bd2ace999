// What an IPMI command is to the simulator: who may give it, and what it answers. The commands themselves are in the files
// beside it, each with the state that is its own.

import type { SimulatedUser } from "../machine.ts";

/** Privilege levels (IPMI 2.0 §6.8). `none`: may be asked outside a session. */
export const levels = { none: 0, user: 2, operator: 3, administrator: 4 } as const;

/** Who gives a command. */
export interface Caller {
  readonly sessionId: number;
  readonly user: SimulatedUser;
  /** The most that this session may be raised to. */
  readonly highestLevel: number;
  /** What it may do now (§22.18). */
  level: number;
}

export interface Call {
  readonly data: Buffer;
  /** Epoch milliseconds. */
  readonly now: number;
  /** Absent outside a session. */
  readonly caller: Caller | undefined;
}

/** Response data, or a completion code other than 0. */
export type Reply = Buffer | number;

export interface Command {
  readonly netFn: number;
  readonly command: number;
  readonly level: number;
  /** Least number of octets of data; below it the answer is C7h. */
  readonly least: number;
  readonly run: (call: Call) => Reply;
}

/** Completion codes that only a BMC needs (table 5-2). */
export const wrongDataLength = 0xc7;
export const nothing: Buffer = Buffer.alloc(0);

export type Commands = ReadonlyMap<number, Command>;

export function commandTable(...commands: readonly Command[]): Commands {
  return new Map(commands.map((entry) => [keyOf(entry), entry]));
}

export function keyOf({ netFn, command }: Pick<Command, "netFn" | "command">): number {
  return (netFn << 8) | command;
}

/** Makes the commands of one network function. */
export function commandsOf(netFn: number) {
  return (
    command: number,
    level: keyof typeof levels,
    least: number,
    run: (call: Call) => Reply,
  ): Command => ({ netFn, command, level: levels[level], least, run });
}

/** 16 and 32 bits, least significant octet first, as everywhere in IPMI. */
export function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}

export function doubleWord(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
