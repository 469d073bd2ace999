// The DHCP message on the wire (RFC 2131 §2, RFC 2132, RFC 3396): octets to fields and back.
// It knows nothing of what a message asks for, and nothing of sockets.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +---------------+---------------+---------------+---------------+
//   |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |   0
//   +---------------+---------------+---------------+---------------+
//   |                            xid (4)                            |   4
//   +-------------------------------+-------------------------------+
//   |           secs (2)            |   flags (2), top bit BROADCAST|   8
//   +-------------------------------+-------------------------------+
//   |                          ciaddr  (4)                          |  12
//   |                          yiaddr  (4)                          |  16
//   |                          siaddr  (4)                          |  20
//   |                          giaddr  (4)                          |  24
//   +---------------------------------------------------------------+
//   |                          chaddr  (16)                         |  28
//   |                          sname   (64)                         |  44
//   |                          file    (128)                        | 108
//   +---------------------------------------------------------------+
//   |                 magic cookie 99.130.83.99 (4)                 | 236
//   +---------------+---------------+-------------------------------+
//   |   code (1)    |  length (1)   |  data (length) ...  255 = END | 240
//   +---------------+---------------+-------------------------------+

import { ByteReader } from "../net/bytes.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import { type Options, option } from "./options.ts";

export const bootRequest = 1;
export const bootReply = 2;
export const broadcastFlag = 0x8000;

export interface Packet {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  /** All 16 octets; the first `hlen` count. */
  readonly chaddr: Buffer;
  /** Up to the first NUL, one character per octet; empty when the field carried options. */
  readonly sname: string;
  readonly file: string;
  readonly options: Options;
}

export interface MalformedPacket {
  readonly malformed: string;
  /** Where in the datagram reading stopped. */
  readonly offset: number;
}

export interface EncodedPacket {
  readonly datagram: Buffer;
  /** Numbers of the options that had no room. */
  readonly leftOut: readonly number[];
}

const chaddrOffset = 28;
const snameOffset = 44;
const fileOffset = 108;
const cookieOffset = 236;
const optionsOffset = 240;
const snameLength = 64;
const fileLength = 128;
const magicCookie = 0x63825363;
/** What every client takes (RFC 2131 §2): a 576-octet datagram less 28 octets of IP and UDP. */
export const smallestMaxSize = 548;
// BOOTP relays and some ROMs drop what is shorter than a BOOTP message (RFC 1542 §2.1, RFC 951).
const minimumSize = 300;

/**
 * Reads a datagram. Never throws. Tolerated, because clients send it: a missing END, names that fill their field
 * without a NUL, an overload value outside 1-3 (taken as no overload).
 */
export function decodePacket(datagram: Uint8Array): Packet | MalformedPacket {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (bytes.length < optionsOffset)
    return { malformed: `${bytes.length} octets are too few`, offset: bytes.length };
  const op = bytes.readUInt8(0);
  if (op !== bootRequest && op !== bootReply) return { malformed: `op is ${op}`, offset: 0 };
  const hlen = bytes.readUInt8(2);
  if (hlen > 16) return { malformed: `hlen is ${hlen}, chaddr has 16 octets`, offset: 2 };
  if (bytes.readUInt32BE(cookieOffset) !== magicCookie)
    return { malformed: "no magic cookie", offset: cookieOffset };

  const found = new Map<number, Buffer[]>();
  const sname = bytes.subarray(snameOffset, fileOffset);
  const file = bytes.subarray(fileOffset, cookieOffset);
  const problem = collectOptions(bytes.subarray(optionsOffset), optionsOffset, found);
  if (problem !== undefined) return problem;
  const overload = overloadOf(found);
  // RFC 3396: a split option continues in `file` first, then in `sname`.
  const overloadProblem =
    (overload & 1 ? collectOptions(file, fileOffset, found) : undefined) ??
    (overload & 2 ? collectOptions(sname, snameOffset, found) : undefined);
  if (overloadProblem !== undefined) return overloadProblem;

  return {
    op,
    htype: bytes.readUInt8(1),
    hlen,
    hops: bytes.readUInt8(3),
    xid: bytes.readUInt32BE(4),
    secs: bytes.readUInt16BE(8),
    flags: bytes.readUInt16BE(10),
    ciaddr: ipv4FromNumber(bytes.readUInt32BE(12)),
    yiaddr: ipv4FromNumber(bytes.readUInt32BE(16)),
    siaddr: ipv4FromNumber(bytes.readUInt32BE(20)),
    giaddr: ipv4FromNumber(bytes.readUInt32BE(24)),
    chaddr: bytes.subarray(chaddrOffset, snameOffset),
    sname: overload & 2 ? "" : untilNul(sname),
    file: overload & 1 ? "" : untilNul(file),
    options: new Map([...found].map(([number, parts]) => [number, joined(parts)])),
  };
}

/**
 * Writes a message of at most `maxBytes`, and at least 300 octets long. Options go out in the order of the map, except
 * that the message type is first and the relay's option 82 last (RFC 3046 §2.1). When they do not fit, an empty
 * `file` or `sname` carries options too; what still has no room is left out and reported, so the map's order is
 * also the order of importance.
 */
export function encodePacket(packet: Packet, maxBytes: number = smallestMaxSize): EncodedPacket {
  const ordered = inWireOrder(packet.options);
  const length = ordered.reduce((sum, [, data]) => sum + encodedLength(data), 0);
  // Not counted against the limit: the relay takes its option away before the client, whose limit it is, sees the message.
  const relayData = packet.options.get(option.relayAgentInfo);
  const tailLength = endLength + (relayData === undefined ? 0 : encodedLength(relayData));
  const fits = optionsOffset + length + endLength <= maxBytes;
  const placed = fits ? undefined : placeOptions(packet, ordered, maxBytes - optionsOffset);
  const main = placed?.main ?? ordered;
  const mainLength = fits ? length : main.reduce((sum, [, data]) => sum + encodedLength(data), 0);
  const bytes = Buffer.alloc(Math.max(minimumSize, optionsOffset + mainLength + tailLength));
  writeHeader(packet, bytes);
  writeField(bytes, fileOffset, fileLength, packet.file, placed?.inFile);
  writeField(bytes, snameOffset, snameLength, packet.sname, placed?.inSname);
  let at = writeOptions(bytes, optionsOffset, main);
  if (relayData !== undefined) at = writeOption(bytes, at, option.relayAgentInfo, relayData);
  bytes[at] = option.end;
  return { datagram: bytes, leftOut: placed?.leftOut ?? [] };
}

function writeHeader(packet: Packet, bytes: Buffer): void {
  bytes[0] = packet.op;
  bytes[1] = packet.htype;
  bytes[2] = packet.hlen;
  bytes[3] = packet.hops;
  bytes.writeUInt32BE(packet.xid, 4);
  bytes.writeUInt16BE(packet.secs, 8);
  bytes.writeUInt16BE(packet.flags, 10);
  bytes.writeUInt32BE(ipv4ToNumber(packet.ciaddr), 12);
  bytes.writeUInt32BE(ipv4ToNumber(packet.yiaddr), 16);
  bytes.writeUInt32BE(ipv4ToNumber(packet.siaddr), 20);
  bytes.writeUInt32BE(ipv4ToNumber(packet.giaddr), 24);
  packet.chaddr.copy(bytes, chaddrOffset, 0, 16);
  bytes.writeUInt32BE(magicCookie, cookieOffset);
}

/** `file` or `sname`: a name, or the options it carries. */
function writeField(
  bytes: Buffer,
  offset: number,
  length: number,
  name: string,
  options: readonly OptionEntry[] = [],
): void {
  if (options.length === 0) bytes.write(name, offset, length, "latin1");
  else bytes[writeOptions(bytes, offset, options)] = option.end;
}

function collectOptions(
  area: Buffer,
  areaOffset: number,
  into: Map<number, Buffer[]>,
): MalformedPacket | undefined {
  const reader = new ByteReader(area);
  for (;;) {
    const start = areaOffset + reader.offset;
    const number = reader.u8();
    if (number === undefined || number === option.end) return undefined;
    if (number === option.pad) continue;
    const length = reader.u8();
    const data = length === undefined ? undefined : reader.bytes(length);
    if (data === undefined)
      return { malformed: `option ${number} runs past the end of its field`, offset: start };
    const parts = into.get(number);
    if (parts === undefined) into.set(number, [data]);
    else parts.push(data);
  }
}

function overloadOf(found: ReadonlyMap<number, readonly Buffer[]>): number {
  const [data] = found.get(option.overload) ?? [];
  const value = data?.length === 1 ? data.readUInt8(0) : 0;
  return value <= 3 ? value : 0;
}

function joined(parts: readonly Buffer[]): Buffer {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}

function untilNul(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("latin1", 0, end === -1 ? field.length : end);
}

type OptionEntry = readonly [number: number, data: Buffer];

const endLength = 1;
const overloadLength = 3;
const longestPart = 255;

interface Area {
  readonly entries: OptionEntry[];
  /** Octets left. */
  room: number;
}

interface PlacedOptions {
  readonly main: readonly OptionEntry[];
  readonly inFile: readonly OptionEntry[];
  readonly inSname: readonly OptionEntry[];
  readonly leftOut: readonly number[];
}

/** Options that do not all fit: each goes where it has room, the overload option says where that is (RFC 2132 §9.3). */
function placeOptions(
  packet: Packet,
  ordered: readonly OptionEntry[],
  optionsRoom: number,
): PlacedOptions {
  const main = area(optionsRoom - overloadLength - endLength);
  const inFile = area(packet.file === "" ? fileLength - endLength : 0);
  const inSname = area(packet.sname === "" ? snameLength - endLength : 0);
  const leftOut: number[] = [];
  for (const entry of ordered) {
    const length = encodedLength(entry[1]);
    const place = [main, inFile, inSname].find(({ room }) => room >= length);
    if (place === undefined) leftOut.push(entry[0]);
    else {
      place.entries.push(entry);
      place.room -= length;
    }
  }
  const overload = (inFile.entries.length > 0 ? 1 : 0) | (inSname.entries.length > 0 ? 2 : 0);
  // Second, after the message type.
  if (overload !== 0) main.entries.splice(1, 0, [option.overload, Buffer.of(overload)]);
  return { main: main.entries, inFile: inFile.entries, inSname: inSname.entries, leftOut };
}

function area(room: number): Area {
  return { entries: [], room };
}

function inWireOrder(options: Options): OptionEntry[] {
  const entries: OptionEntry[] = [];
  const messageType = options.get(option.messageType);
  if (messageType !== undefined) entries.push([option.messageType, messageType]);
  for (const entry of options) if (!placedElsewhere.has(entry[0])) entries.push(entry);
  return entries;
}

const placedElsewhere: ReadonlySet<number> = new Set([
  option.messageType,
  option.overload,
  option.relayAgentInfo,
]);

// An option longer than its length octet can say is written as several (RFC 3396).
function encodedLength(data: Buffer): number {
  return data.length + 2 * Math.max(1, Math.ceil(data.length / longestPart));
}

function writeOptions(bytes: Buffer, offset: number, entries: readonly OptionEntry[]): number {
  return entries.reduce((at, [number, data]) => writeOption(bytes, at, number, data), offset);
}

function writeOption(bytes: Buffer, offset: number, number: number, data: Buffer): number {
  let at = offset;
  let done = 0;
  do {
    const length = Math.min(longestPart, data.length - done);
    bytes[at] = number;
    bytes[at + 1] = length;
    data.copy(bytes, at + 2, done, done + length);
    at += 2 + length;
    done += length;
  } while (done < data.length);
  return at;
}
