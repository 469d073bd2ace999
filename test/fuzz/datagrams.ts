// Datagrams as hostile and broken clients send them: recorded and well-formed ones, changed in the ways that decoders fall
// for. The random numbers alone decide, so a seed says what was sent.

import { messageTypes } from "../../src/dhcp/client.ts";
import { option } from "../../src/dhcp/options.ts";
import { encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import { anyAddress, type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { type Mac, macToBytes } from "../../src/net/mac.ts";

export type Random = (below: number) => number;

/** What a server can receive: longer ones are left out by the socket. */
const longest = 2048;
const optionsOffset = 240;
const snameOffset = 44;
const fileOffset = 108;
const cookieOffset = 236;

/** What a machine says that knows its state; undefined fields are not sent. */
export interface Wish {
  readonly type: keyof typeof messageTypes;
  readonly mac: Mac;
  readonly ciaddr?: Ipv4 | undefined;
  readonly giaddr?: Ipv4 | undefined;
  readonly requested?: Ipv4 | undefined;
  readonly serverId?: Ipv4 | undefined;
  readonly relayInfo?: Buffer | undefined;
}

/** A well-formed request, with options that clients send. */
export function wellFormed(random: Random, wish: Wish): Buffer {
  const { type, mac, ciaddr, giaddr, requested, serverId, relayInfo } = wish;
  const options = new Map<number, Buffer>([[option.messageType, Buffer.of(messageTypes[type])]]);
  if (requested !== undefined) options.set(option.requestedAddress, octets(requested));
  if (serverId !== undefined) options.set(option.serverId, octets(serverId));
  if (random(2) === 0) options.set(option.parameterList, randomBytes(random, random(40)));
  if (random(3) === 0) options.set(option.leaseTime, randomBytes(random, 4));
  if (random(3) === 0) options.set(option.maxSize, Buffer.of(random(8), random(256)));
  if (random(3) === 0) {
    const bootClass = random(2) === 0 ? "PXEClient:Arch:00007" : "HTTPClient:Arch:00016";
    options.set(option.vendorClass, Buffer.from(bootClass));
    options.set(option.clientArch, Buffer.of(0, random(20)));
  }
  if (random(4) === 0) options.set(option.userClass, Buffer.from("iPXE"));
  if (random(4) === 0) options.set(option.hostName, randomBytes(random, random(64)));
  if (random(4) === 0) options.set(option.clientId, randomBytes(random, random(300)));
  if (random(8) === 0) options.set(option.subnetSelection, octets(nearbyAddress(random)));
  if (relayInfo !== undefined) options.set(option.relayAgentInfo, relayInfo);
  const packet: Packet = {
    ...{ op: 1, htype: 1, hlen: 6, hops: random(4), xid: random(2 ** 32), secs: random(100) },
    ...{ flags: random(2) * 0x8000, ciaddr: ciaddr ?? anyAddress, giaddr: giaddr ?? anyAddress },
    ...{ yiaddr: anyAddress, siaddr: anyAddress, sname: "", file: "", options },
    chaddr: Buffer.concat([macToBytes(mac), Buffer.alloc(10)]),
  };
  return encodePacket(packet, 1472).datagram;
}

/** Some address of the networks 10.0.96.0 to 10.0.111.255, or any at all. */
export function nearbyAddress(random: Random): Ipv4 {
  if (random(8) === 0) return ipv4FromNumber(random(2 ** 32));
  return ipv4FromNumber(0x0a006000 + random(0x1000));
}

export function randomBytes(random: Random, length: number): Buffer {
  const data = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) data[i] = random(256);
  return data;
}

/** `original` with one to four changes; `others` are what it may be spliced with. */
export function mutated(random: Random, original: Buffer, others: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let change = random(4); change >= 0; change--)
    bytes = pick(random, mutations)(random, bytes, others);
  return bytes.subarray(0, longest);
}

type Mutation = (random: Random, bytes: Buffer, others: readonly Buffer[]) => Buffer;

const mutations: readonly [Mutation, ...Mutation[]] = [
  flipBits,
  truncate,
  lieAboutLength,
  repeatOption,
  splice,
  appendSoup,
  appendHugeOption,
  overload,
  scrambleHeader,
];

function flipBits(random: Random, bytes: Buffer): Buffer {
  for (let i = random(8); i >= 0 && bytes.length > 0; i--) {
    const at = random(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
  }
  return bytes;
}

function truncate(random: Random, bytes: Buffer): Buffer {
  // Seldom before the options: what is that short is not looked at any further.
  const from = random(10) === 0 ? 0 : Math.min(optionsOffset, bytes.length);
  return bytes.subarray(0, from + random(bytes.length - from + 1));
}

/** Where the options of the main field begin, as far as they can be read. */
function optionOffsets(bytes: Buffer): number[] {
  const offsets: number[] = [];
  for (let at = optionsOffset; at + 1 < bytes.length && bytes[at] !== option.end; ) {
    if (bytes[at] === option.pad) at += 1;
    else {
      offsets.push(at);
      at += 2 + (bytes[at + 1] ?? 0);
    }
  }
  return offsets;
}

function lieAboutLength(random: Random, bytes: Buffer): Buffer {
  const at = pick(random, optionOffsets(bytes));
  if (at !== undefined) bytes[at + 1] = random(256);
  return bytes;
}

function repeatOption(random: Random, bytes: Buffer): Buffer {
  const offsets = optionOffsets(bytes);
  const from = pick(random, offsets);
  const to = pick(random, offsets);
  if (from === undefined || to === undefined) return bytes;
  const copy = bytes.subarray(from, from + 2 + (bytes[from + 1] ?? 0));
  return Buffer.concat([bytes.subarray(0, to), copy, bytes.subarray(to)]);
}

function splice(random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const other = pick(random, others);
  const at = pick(random, optionOffsets(bytes));
  const from = other && pick(random, optionOffsets(other));
  if (other === undefined || at === undefined || from === undefined) return bytes;
  return Buffer.concat([bytes.subarray(0, at), other.subarray(from)]);
}

function appendOptions(bytes: Buffer, options: Buffer): Buffer {
  const last = optionOffsets(bytes).at(-1);
  const end = last === undefined ? optionsOffset : last + 2 + (bytes[last + 1] ?? 0);
  return Buffer.concat([bytes.subarray(0, end), options, Buffer.of(option.end)]);
}

const known: readonly number[] = Object.values(option);

function soup(random: Random, count: number): Buffer {
  const parts = Array.from({ length: count }, () => {
    const number = random(3) === 0 ? random(256) : (pick(random, known) ?? 0);
    const data = randomBytes(random, random(4) === 0 ? random(256) : random(9));
    return Buffer.concat([Buffer.of(number, data.length), data]);
  });
  return Buffer.concat(parts);
}

function appendSoup(random: Random, bytes: Buffer): Buffer {
  return appendOptions(bytes, soup(random, 1 + random(12)));
}

function appendHugeOption(random: Random, bytes: Buffer): Buffer {
  const number = pick(random, [option.clientId, option.relayAgentInfo, option.machineId, 55, 118]);
  const part = Buffer.concat([Buffer.of(number ?? 0, 255), randomBytes(random, 255)]);
  return appendOptions(bytes, Buffer.concat(Array.from({ length: 1 + random(6) }, () => part)));
}

function overload(random: Random, bytes: Buffer): Buffer {
  if (bytes.length < optionsOffset) return bytes;
  if (random(2) === 0) soup(random, 1 + random(6)).copy(bytes, fileOffset, 0, 128);
  if (random(2) === 0) soup(random, 1 + random(4)).copy(bytes, snameOffset, 0, 64);
  if (random(3) === 0) bytes.fill(random(256), snameOffset, cookieOffset);
  return appendOptions(bytes, Buffer.of(option.overload, 1, random(5)));
}

const addressOffsets = [12, 16, 20, 24];

function scrambleHeader(random: Random, bytes: Buffer): Buffer {
  if (bytes.length < optionsOffset) return bytes;
  const at = pick(random, addressOffsets) ?? 12;
  if (random(3) === 0) bytes[random(12)] = random(256);
  else bytes.writeUInt32BE(ipv4ToNumber(nearbyAddress(random)), at);
  return bytes;
}

/** One of them; undefined when there is none. */
export function pick<T>(random: Random, from: readonly [T, ...T[]]): T;
export function pick<T>(random: Random, from: readonly T[]): T | undefined;
export function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[random(from.length)];
}

function octets(address: Ipv4): Buffer {
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(ipv4ToNumber(address));
  return data;
}
