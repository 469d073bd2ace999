// Who a BMC is: Get Device ID and Get Device GUID (IPMI 2.0 §20.1, §20.8), Get System GUID (§22.14), as bytes and back.

import { netFns } from "./message.ts";
import type { Command } from "./session.ts";

export const getDeviceId: Command = { netFn: netFns.app, command: 0x01 };
export const getSystemGuid: Command = { netFn: netFns.app, command: 0x37 };

export interface DeviceId {
  readonly manufacturer: string;
  readonly productId: number;
  /** Such as "2.41". */
  readonly firmware: string;
  readonly ipmiVersion: string;
}

// IANA enterprise numbers of those who build servers.
const manufacturers = new Map([
  [2, "IBM"],
  [11, "HPE"],
  [343, "Intel"],
  [674, "Dell"],
  [7154, "IPMI forum"],
  [7244, "Quanta"],
  [10876, "Supermicro"],
  [19046, "Lenovo"],
  [20301, "Lenovo"],
  [47196, "HPE"],
]);

/** Reads the response data of Get Device ID (table 20-2). Undefined when it is cut short. */
export function decodeDeviceId(data: Buffer): DeviceId | undefined {
  if (data.length < 11) return undefined;
  const major = data.readUInt8(2) & 0x7f;
  // Binary-coded decimal, §20.1.
  const minor = data.readUInt8(3).toString(16).padStart(2, "0");
  const version = data.readUInt8(4);
  const enterprise = data.readUIntLE(6, 3) & 0x0f_ffff;
  return {
    manufacturer: manufacturers.get(enterprise) ?? `enterprise ${enterprise}`,
    productId: data.readUInt16LE(9),
    firmware: `${major}.${minor}`,
    ipmiVersion: `${version & 0x0f}.${version >> 4}`,
  };
}

/**
 * Reads a GUID as SMBIOS and DHCP option 97 have it: IPMI sends the same 16 octets in the order of SMBIOS on most boards (§20.8
 * asks for the reverse). Undefined when it is cut short or says nothing.
 */
export function decodeGuid(data: Buffer): string | undefined {
  if (data.length < 16 || data.subarray(0, 16).every((octet) => octet === 0)) return undefined;
  const field = (from: number, to: number) =>
    Buffer.from(data.subarray(from, to)).reverse().toString("hex");
  const tail = data.toString("hex", 8, 16);
  return [field(0, 4), field(4, 6), field(6, 8), tail.slice(0, 4), tail.slice(4)].join("-");
}
