// What a request says of its sender: facts read out of the packet, nothing about what this server wants.
// Text a stranger chose is made printable here, so that no raw client string travels further.

import type { Ipv4 } from "../net/ipv4.ts";
import { type Mac, macFromBytes } from "../net/mac.ts";
import { readIpxeFeatures } from "./ipxe.ts";
import {
  formatOption,
  isMalformed,
  type MalformedOption,
  type Options,
  option,
  printable,
  readAddress,
  readU8,
  readU16,
  readU32,
} from "./options.ts";
import { bootRequest, type Packet } from "./packet.ts";
import { readRelaySubOptions, readSubOptions, type SubOptions } from "./sub-options.ts";

/** Values of option 53 (message type), RFC 2132 §9.6. */
export const messageTypes = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

/** PXE_BOOT_ITEM, a sub-option of option 43 (PXE 2.1, table 2-1). */
export const pxeBootItem = 71;

export type MessageType = keyof typeof messageTypes;

/** Undefined and empty mean: not sent, or not readable. */
export interface Client {
  readonly messageType: MessageType;
  readonly mac: Mac;
  /** Transaction id: the same for a message and its repetitions; some old ROMs never change it. */
  readonly xid: number;
  /** Option 61, verbatim. Echoed, never used to tell clients apart: firmware, iPXE and the installed system each send another one. */
  readonly clientId: Buffer | undefined;
  /** Option 93, in the order the firmware prefers. */
  readonly architectures: readonly number[];
  /** Option 94 as `type.major.minor`. */
  readonly interfaceId: string | undefined;
  /** Option 97, verbatim, for the echo. */
  readonly machineId: Buffer | undefined;
  /** The GUID of option 97 in its usual text form, when it is a well-formed one. */
  readonly machineGuid: string | undefined;
  readonly vendorClass: string | undefined;
  readonly userClasses: readonly string[];
  /** True for iPXE, and for vendor builds that hide its name but send its option 175; not for gPXE, its predecessor. */
  readonly ipxe: boolean;
  /** What that iPXE was built with (option 175); undefined when it does not say. */
  readonly ipxeFeatures: readonly string[] | undefined;
  /** PXE_BOOT_ITEM, the boot server a client asks for by type and layer (option 43, sub-option 71; PXE 2.1), verbatim for the echo. */
  readonly bootItem: Buffer | undefined;
  readonly requestedAddress: Ipv4 | undefined;
  readonly requestedLeaseSeconds: number | undefined;
  readonly serverId: Ipv4 | undefined;
  /** Option 55; undefined when not sent, which is not the same as asking for nothing. */
  readonly parameterList: readonly number[] | undefined;
  /** Option 57, octets. */
  readonly maxSize: number | undefined;
  /** Option 82, verbatim, for the echo. */
  readonly relayAgentInfo: Buffer | undefined;
  /** What is in it; empty when there is none. */
  readonly relaySubOptions: SubOptions;
  readonly hostName: string | undefined;
}

/**
 * Reads the facts, or says why the packet is not a request this server can answer. An unreadable option that decides
 * what is asked and of whom (53, 54) makes the whole request unanswerable; any other unreadable one counts as not sent.
 */
export function readClient(packet: Packet): Client | { readonly ignore: string } {
  if (packet.op !== bootRequest) return { ignore: "a reply, not a request" };
  const mac = macFromBytes(packet.chaddr);
  // The registry's type 1 is Ethernet; reservations and leases are kept by Ethernet address.
  if (packet.htype !== 1 || packet.hlen !== 6 || mac === undefined)
    return { ignore: `hardware type ${packet.htype} with ${packet.hlen} octets is not Ethernet` };
  const { options } = packet;
  const type = readU8(options, option.messageType);
  const requestedAddress = orAbsent(readAddress(options, option.requestedAddress));
  const serverId = readAddress(options, option.serverId);
  for (const value of [type, serverId]) if (isMalformed(value)) return { ignore: value.malformed };
  if (type === undefined) return { ignore: "BOOTP without a DHCP message type" };
  const messageType = (Object.keys(messageTypes) as MessageType[]).find(
    (name) => messageTypes[name] === type,
  );
  if (messageType === undefined)
    return { ignore: `${formatOption(option.messageType)} is ${String(type)}` };
  const userClasses = readUserClasses(options.get(option.userClass));
  const machineId = options.get(option.machineId);
  const relayAgentInfo = oneOption(options.get(option.relayAgentInfo));
  return {
    messageType,
    mac,
    xid: packet.xid,
    clientId: oneOption(notEmpty(options.get(option.clientId))),
    architectures: readArchitectures(options.get(option.clientArch)),
    interfaceId: readInterfaceId(options),
    machineId: notEmpty(machineId),
    machineGuid: readMachineGuid(machineId),
    vendorClass: readText(options, option.vendorClass),
    userClasses,
    ipxe: isIpxe(userClasses, options),
    ipxeFeatures: readIpxeFeatures(options.get(option.ipxe)),
    bootItem: readBootItem(options.get(option.vendorSpecific)),
    requestedAddress,
    requestedLeaseSeconds: orAbsent(readU32(options, option.leaseTime)),
    serverId: orAbsent(serverId),
    parameterList: parameterList(options),
    maxSize: orAbsent(readU16(options, option.maxSize)),
    relayAgentInfo,
    relaySubOptions: relayAgentInfo === undefined ? none : readRelaySubOptions(relayAgentInfo),
    hostName: readText(options, option.hostName),
  };
}

const none: SubOptions = new Map();

/** The descriptive facts as text, for events and for the list of discovered machines. Only what was sent is in it. */
export function clientFacts(client: Client): Readonly<Record<string, string>> {
  const facts: [string, string | undefined][] = [
    ["arch", client.architectures.length > 0 ? client.architectures.join(",") : undefined],
    ["vendorClass", client.vendorClass],
    ["userClass", client.userClasses.length > 0 ? client.userClasses.join(",") : undefined],
    ["ipxe", client.ipxe ? "yes" : undefined],
    ["ipxeFeatures", client.ipxeFeatures?.join(",")],
    ["machineGuid", client.machineGuid],
    ["interfaceId", client.interfaceId],
    ["hostName", client.hostName],
  ];
  return Object.fromEntries(
    facts.filter((fact): fact is [string, string] => fact[1] !== undefined),
  );
}

// gPXE sends option 175 too, and can run no iPXE script: it knows `#!gpxe` alone.
function isIpxe(userClasses: readonly string[], options: Options): boolean {
  if (userClasses.includes("iPXE")) return true;
  return options.has(option.ipxe) && !userClasses.includes("gPXE");
}

function readBootItem(data: Buffer | undefined): Buffer | undefined {
  const item = data === undefined ? undefined : readSubOptions(data).get(pxeBootItem);
  return item?.length === 4 ? item : undefined;
}

function orAbsent<T>(value: T | undefined | MalformedOption): T | undefined {
  return isMalformed(value) ? undefined : value;
}

function notEmpty(data: Buffer | undefined): Buffer | undefined {
  return data === undefined || data.length === 0 ? undefined : data;
}

// These are echoed or kept, so a sender must not choose their size: longer than one option can be is no client's and no relay's.
function oneOption(data: Buffer | undefined): Buffer | undefined {
  return data === undefined || data.length > 255 ? undefined : data;
}

function readText(options: Options, number: number): string | undefined {
  const data = notEmpty(options.get(number));
  if (data === undefined) return undefined;
  // RFC 2132 §2: trailing NULs are sent by some clients and must be dropped.
  let length = data.length;
  while (length > 0 && data[length - 1] === 0) length -= 1;
  return printable(data.subarray(0, length));
}

function parameterList(options: Options): readonly number[] | undefined {
  const data = options.get(option.parameterList);
  return data === undefined ? undefined : [...new Set(data)];
}

// An odd last octet is dropped rather than the list: one wrong octet must not cost a machine its boot file.
function readArchitectures(data: Buffer | undefined): readonly number[] {
  if (data === undefined) return [];
  return Array.from({ length: Math.floor(data.length / 2) }, (_, i) => data.readUInt16BE(i * 2));
}

function readInterfaceId(options: Options): string | undefined {
  const data = options.get(option.interfaceId);
  return data?.length === 3 ? data.join(".") : undefined;
}

// RFC 4578 §2.3: a type octet (0 = GUID), then 16 octets in the mixed byte order of SMBIOS: the
// first three groups are little-endian. Some ROMs send nothing or another length; they boot all the same.
function readMachineGuid(data: Buffer | undefined): string | undefined {
  if (data?.length !== 17 || data[0] !== 0) return undefined;
  const hex = (from: number, to: number, reverse: boolean) => {
    const group = Buffer.from(data.subarray(from, to));
    return (reverse ? group.reverse() : group).toString("hex");
  };
  return [hex(1, 5, true), hex(5, 7, true), hex(7, 9, true), hex(9, 11, false), hex(11, 17, false)] // SMBIOS 7.2.1
    .join("-");
}

/**
 * Option 77 in both forms seen: RFC 3004's list of length-prefixed classes, and the bare string that iPXE and
 * others send. It is a list only if the lengths use up the data exactly; "iPXE" read as a list would begin with
 * a class of 105 octets.
 */
function readUserClasses(data: Buffer | undefined): readonly string[] {
  if (data === undefined || data.length === 0) return [];
  const classes: string[] = [];
  let at = 0;
  while (at < data.length) {
    const length = data.readUInt8(at);
    if (length === 0 || at + 1 + length > data.length) return [printable(data)];
    classes.push(printable(data.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}
