// Users of a BMC (IPMI 2.0 §22.26 to §22.30) as bytes and back.

import { netFns } from "./message.ts";
import type { Command } from "./session.ts";

const thisChannel = 0x0e;

export function getUserAccess(id: number): Command {
  return { netFn: netFns.app, command: 0x44, data: Buffer.of(thisChannel, id) };
}

/** How many users there can be, from the response data of Get User Access. */
export function decodeMaxUsers(data: Buffer): number {
  return (data[0] ?? 0) & 0x3f;
}

export function getUserName(id: number): Command {
  return { netFn: netFns.app, command: 0x46, data: Buffer.of(id) };
}

/** The name in the response data of Get User Name: 16 octets, filled with NUL. */
export function decodeUserName(data: Buffer): string {
  return data.toString("latin1").replace(/\0.*$/s, "");
}

/** A BMC takes passwords of at most this many octets. */
export const maxPasswordBytes = 20;
const shortPasswordBytes = 16;

/** Set User Password (§22.30): sets it, or asks whether it is this one. */
export function setUserPassword(id: number, verb: "set" | "test", password: string): Command {
  const bytes = Buffer.from(password, "utf8");
  const long = bytes.length > shortPasswordBytes;
  const data = Buffer.alloc(2 + (long ? maxPasswordBytes : shortPasswordBytes));
  data[0] = id | (long ? 0x80 : 0);
  data[1] = verb === "set" ? 0x02 : 0x03;
  bytes.copy(data, 2);
  return { netFn: netFns.app, command: 0x47, data };
}
