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
  const { options, file, sname, leftOut } = placeOptions(packet, maxBytes - optionsOffset);
  const bytes = Buffer.alloc(Math.max(minimumSize, optionsOffset + options.length));
  bytes.writeUInt8(packet.op, 0);
  bytes.writeUInt8(packet.htype, 1);
  bytes.writeUInt8(packet.hlen, 2);
  bytes.writeUInt8(packet.hops, 3);
  bytes.writeUInt32BE(packet.xid, 4);
  bytes.writeUInt16BE(packet.secs, 8);
  bytes.writeUInt16BE(packet.flags, 10);
  bytes.writeUInt32BE(ipv4ToNumber(packet.ciaddr), 12);
  bytes.writeUInt32BE(ipv4ToNumber(packet.yiaddr), 16);
  bytes.writeUInt32BE(ipv4ToNumber(packet.siaddr), 20);
  bytes.writeUInt32BE(ipv4ToNumber(packet.giaddr), 24);
  packet.chaddr.copy(bytes, chaddrOffset, 0, 16);
  sname.copy(bytes, snameOffset, 0, snameLength);
  file.copy(bytes, fileOffset, 0, fileLength);
  bytes.writeUInt32BE(magicCookie, cookieOffset);
  options.copy(bytes, optionsOffset);
  return { datagram: bytes, leftOut };
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

interface Area {
  readonly parts: Buffer[];
  /** Octets left. */
  room: number;
}

interface PlacedOptions {
  readonly options: Buffer;
  readonly file: Buffer;
  readonly sname: Buffer;
  readonly leftOut: readonly number[];
}

const end = Buffer.of(option.end);
const overloadLength = 3;

function placeOptions(packet: Packet, optionsRoom: number): PlacedOptions {
  const encoded = inWireOrder(packet.options).map(([number, data]) => encodeOption(number, data));
  const file = Buffer.from(packet.file, "latin1");
  const sname = Buffer.from(packet.sname, "latin1");
  // Not counted: the relay takes its option away before the client, whose limit this is, sees the message.
  const relayData = packet.options.get(option.relayAgentInfo);
  const tail = Buffer.concat([
    relayData ? encodeOption(option.relayAgentInfo, relayData).bytes : Buffer.alloc(0),
    end,
  ]);
  const everything = Buffer.concat(encoded.map(({ bytes }) => bytes));
  if (everything.length + end.length <= optionsRoom)
    return { options: Buffer.concat([everything, tail]), file, sname, leftOut: [] };

  const main = area(optionsRoom - overloadLength - end.length);
  const inFile = area(file.length === 0 ? fileLength - end.length : 0);
  const inSname = area(sname.length === 0 ? snameLength - end.length : 0);
  const leftOut: number[] = [];
  for (const { number, bytes } of encoded) {
    const place = [main, inFile, inSname].find(({ room }) => room >= bytes.length);
    if (place === undefined) leftOut.push(number);
    else {
      place.parts.push(bytes);
      place.room -= bytes.length;
    }
  }
  const overload = (inFile.parts.length > 0 ? 1 : 0) | (inSname.parts.length > 0 ? 2 : 0);
  const [messageType = Buffer.alloc(0), ...others] = main.parts;
  const overloadOption = overload === 0 ? [] : [Buffer.of(option.overload, 1, overload)];
  return {
    options: Buffer.concat([messageType, ...overloadOption, ...others, tail]),
    file: overload & 1 ? Buffer.concat([...inFile.parts, end]) : file,
    sname: overload & 2 ? Buffer.concat([...inSname.parts, end]) : sname,
    leftOut,
  };
}

function area(room: number): Area {
  return { parts: [], room };
}

function inWireOrder(options: Options): [number, Buffer][] {
  const messageTypeFirst = (number: number) => (number === option.messageType ? 0 : 1);
  return [...options]
    .filter(([number]) => number !== option.overload && number !== option.relayAgentInfo)
    .sort(([a], [b]) => messageTypeFirst(a) - messageTypeFirst(b));
}

// An option longer than its length octet can say is written as several (RFC 3396).
function encodeOption(number: number, data: Buffer): { number: number; bytes: Buffer } {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < data.length; at += 255) {
    const part = data.subarray(at, at + 255);
    parts.push(Buffer.of(number, part.length), part);
  }
  return { number, bytes: Buffer.concat(parts) };
}
