// The DHCP options this server knows: one table of names, numbers and sources, and readers and writers for their values.
// What an option means for an answer is decided elsewhere.

import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";

/** Option data by number, repeated options already joined (RFC 3396). Order is the order on the wire. */
export type Options = ReadonlyMap<number, Buffer>;

/** Option numbers. Section numbers are those of RFC 2132 where no other document is named. */
export const option = {
  /** §3.1 */
  pad: 0,
  /** §3.3 */
  subnetMask: 1,
  /** §3.5 */
  router: 3,
  /** §3.8 */
  domainNameServer: 6,
  /** §3.14 */
  hostName: 12,
  /** §3.17 */
  domainName: 15,
  /** §5.3 */
  broadcastAddress: 28,
  /** §8.4; the sub-options a PXE client reads are in the PXE 2.1 specification, table 2-1 */
  vendorSpecific: 43,
  /** §9.1 */
  requestedAddress: 50,
  /** §9.2, seconds */
  leaseTime: 51,
  /** §9.3: 1 = `file`, 2 = `sname`, 3 = both carry options */
  overload: 52,
  /** §9.6 */
  messageType: 53,
  /** §9.7 */
  serverId: 54,
  /** §9.8 */
  parameterList: 55,
  /** §9.9 */
  message: 56,
  /** §9.10 */
  maxSize: 57,
  /** T1, §9.11, seconds */
  renewalTime: 58,
  /** T2, §9.12, seconds */
  rebindingTime: 59,
  /** §9.13 */
  vendorClass: 60,
  /** §9.14 */
  clientId: 61,
  /** §9.4 */
  tftpServerName: 66,
  /** §9.5 */
  bootFileName: 67,
  /** §8.3 */
  ntpServer: 42,
  /** §5.1, octets */
  interfaceMtu: 26,
  /** RFC 3004 §4 */
  userClass: 77,
  /** RFC 3046 §2.0 */
  relayAgentInfo: 82,
  /** RFC 4578 §2.1 */
  clientArch: 93,
  /** RFC 4578 §2.2 */
  interfaceId: 94,
  /** RFC 4578 §2.3 */
  machineId: 97,
  /** RFC 3011 §2 */
  subnetSelection: 118,
  /** RFC 3397 §2 */
  domainSearch: 119,
  /** RFC 3442 */
  classlessRoutes: 121,
  /** Encapsulated options of iPXE; the number is iPXE's own choice (its `ipxe/dhcp.h`) */
  ipxe: 175,
  /** §3.2 */
  end: 255,
} as const;

/** Sub-options of option 82 (relay agent info) that are read; all are echoed. */
export const relaySubOption = {
  /** RFC 3046 §3.1 */
  circuitId: 1,
  /** RFC 3046 §3.2 */
  remoteId: 2,
  /** RFC 3527 §3 */
  linkSelection: 5,
  /** RFC 5107 §4 */
  serverIdOverride: 11,
} as const;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(option).map(([name, number]) => [
    number,
    name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`),
  ]),
);

/** `option 93 (client arch)`, for messages. */
export function formatOption(number: number): string {
  const name = names.get(number);
  return name === undefined ? `option ${number}` : `option ${number} (${name})`;
}

/** An option that was sent and cannot be read. Absent options are undefined instead. */
export interface MalformedOption {
  readonly malformed: string;
}

export function readU8(options: Options, number: number): number | undefined | MalformedOption {
  return readFixed(options, number, 1, (data) => data.readUInt8(0));
}

export function readU16(options: Options, number: number): number | undefined | MalformedOption {
  return readFixed(options, number, 2, (data) => data.readUInt16BE(0));
}

export function readU32(options: Options, number: number): number | undefined | MalformedOption {
  return readFixed(options, number, 4, (data) => data.readUInt32BE(0));
}

export function readAddress(options: Options, number: number): Ipv4 | undefined | MalformedOption {
  return readFixed(options, number, 4, (data) => ipv4FromNumber(data.readUInt32BE(0)));
}

export function isMalformed(value: unknown): value is MalformedOption {
  return typeof value === "object" && value !== null && "malformed" in value;
}

function readFixed<T>(
  options: Options,
  number: number,
  length: number,
  read: (data: Buffer) => T,
): T | undefined | MalformedOption {
  const data = options.get(number);
  if (data === undefined || data.length === length) return data && read(data);
  return {
    malformed: `${formatOption(number)} must be ${length} octets long, got ${data.length}`,
  };
}

export function textData(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export function u32Data(value: number): Buffer {
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(value);
  return data;
}

export function addressData(...addresses: readonly Ipv4[]): Buffer {
  const data = Buffer.allocUnsafe(addresses.length * 4);
  for (const [i, address] of addresses.entries()) data.writeUInt32BE(ipv4ToNumber(address), i * 4);
  return data;
}

const longestText = 256;

/** Text a stranger sent, made fit for a log: octets that do not print, and backslashes, become `\xNN`; at most 256 characters. */
export function printable(data: Uint8Array): string {
  let text = "";
  for (const octet of data.subarray(0, longestText)) {
    const prints = octet >= 0x20 && octet < 0x7f && octet !== 0x5c;
    const shown = prints ? String.fromCharCode(octet) : `\\x${octet.toString(16).padStart(2, "0")}`;
    if (text.length + shown.length > longestText) break;
    text += shown;
  }
  return text;
}
