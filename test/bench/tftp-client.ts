// Many TFTP clients in one process: node tftp-client.ts JSON (a TftpLoad). Prints what became of them as JSON (a TftpOutcome).
// They call the C library themselves, so that little of the time measured is the client's own.

import { readFileSync } from "node:fs";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import {
  afInet,
  type Libc,
  loadLibc,
  msgDontWait,
  sockCloexec,
  sockDgram,
  socketAddress,
} from "../../src/net/libc.ts";
import { encodePacket, errorCodes } from "../../src/tftp/packet.ts";
import { seededRandom } from "../fakes/seeded-random.ts";

export interface TftpLoad {
  readonly address: string;
  readonly file: string;
  /** A copy of the file, to compare with what arrives. */
  readonly copy: string;
  readonly clients: number;
  readonly blksize: number;
  readonly windowsize: number;
  /** Of 1,000 datagrams, how many are lost; each way. */
  readonly lostPerMille: number;
  readonly limitSeconds: number;
}

export interface TftpOutcome {
  readonly completed: number;
  /** Why the others were not, each reason once. */
  readonly reasons: readonly string[];
  readonly seconds: number;
  /** What the server agreed to. */
  readonly windowsize: number;
}

interface Client {
  readonly fd: number;
  /** Where the transfer's packets come from and go to, struct sockaddr_in. */
  readonly peer: Buffer;
  isConnected: boolean;
  /** The next block, counted on past 65535. */
  next: number;
  blksize: number;
  windowsize: number;
  unacknowledged: number;
  /** It has said that a block is missing, and needn't say so for each that follows. */
  complained: boolean;
  readonly ack: Buffer;
  /** What is repeated when nothing comes. */
  last: Buffer;
  repeatAtMs: number;
  silences: number;
  end: string | undefined;
}

const repeatMs = 1_000;
// As a server does, and more patient.
const maxSilences = 20;
const completed = "completed";
const opcode = { data: 3, error: 5, oack: 6 } as const;
const udpHeaderless = 65_536;
const awakeMs = 0.2;
// linux/udp.h
const solUdp = 17;
const udpGro = 104;

async function main(load: TftpLoad): Promise<TftpOutcome> {
  const libc = await loadLibc();
  const file = readFileSync(load.copy);
  const isLost = createLoss(load.lostPerMille);
  const clients = Array.from({ length: load.clients }, () => openClient(libc, load));
  const startedMs = performance.now();
  const limitMs = startedMs + load.limitSeconds * 1000;
  const send = (client: Client, packet: Buffer, nowMs: number) => {
    client.last = packet;
    client.repeatAtMs = nowMs + repeatMs;
    if (!isLost()) transmit(libc, client, packet);
  };
  for (const client of clients) send(client, client.last, startedMs);
  const fds = pollSet(clients);
  let nowMs = startedMs;
  let sleepAtMs = startedMs;
  let checkAtMs = startedMs + 50;
  let open = clients.length;
  while (open > 0 && nowMs < limitMs) {
    // Awake for a while, as firmware is all the time: what is measured is the server.
    const ready = libc.poll(fds, clients.length, nowMs < sleepAtMs ? 0 : 20);
    nowMs = performance.now();
    if (ready > 0) sleepAtMs = nowMs + awakeMs;
    for (let index = 0, left = ready; left > 0 && index < clients.length; index += 1) {
      const client = clients[index];
      if (client === undefined || fds[index * 8 + 6] === 0) continue;
      left -= 1;
      do {
        const length = receive(libc, client);
        if (length < 0) break;
        const answer = onDatagrams(client, length, file, isLost);
        if (answer !== undefined) send(client, answer, nowMs);
        // A server that sends its blocks one by one has more of the window.
      } while (client.end === undefined && client.unacknowledged > 0);
      if (client.end === undefined) continue;
      open -= 1;
      // poll(2) leaves out a negative descriptor.
      fds.writeInt32LE(-1, index * 8);
      fds.writeInt16LE(0, index * 8 + 6);
    }
    if (nowMs < checkAtMs) continue;
    checkAtMs = nowMs + 50;
    for (const client of clients) {
      if (client.end !== undefined || nowMs < client.repeatAtMs) continue;
      client.silences += 1;
      if (client.silences > maxSilences) {
        client.end = "the server has gone silent";
        open -= 1;
      } else send(client, client.last, nowMs);
    }
  }
  const ends = clients.map(({ end = `not done in ${load.limitSeconds} s` }) => end);
  return {
    completed: ends.filter((end) => end === completed).length,
    reasons: [...new Set(ends.filter((end) => end !== completed))],
    seconds: (nowMs - startedMs) / 1000,
    windowsize: clients[0]?.windowsize ?? 1,
  };
}

function createLoss(perMille: number): () => boolean {
  const random = seededRandom(1);
  return () => perMille > 0 && random(1000) < perMille;
}

function openClient(libc: Libc, load: TftpLoad): Client {
  const { address, file, blksize, windowsize } = load;
  const options = new Map([["blksize", `${blksize}`]]);
  if (windowsize > 1) options.set("windowsize", `${windowsize}`);
  const fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
  // What a server has sent as segments of one call comes as it was sent, and a window costs one call here too.
  const on = Buffer.of(1, 0, 0, 0);
  libc.setsockopt(fd, solUdp, udpGro, on, on.length);
  return {
    ...{ fd, peer: socketAddress(address as Ipv4, 69), isConnected: false },
    ...{ next: 1, blksize: 512, windowsize: 1, unacknowledged: 0, complained: false },
    ack: Buffer.of(0, 4, 0, 0),
    last: encodePacket({ kind: "RRQ", file, mode: "octet", options }),
    ...{ repeatAtMs: 0, silences: 0, end: undefined },
  };
}

/** struct pollfd: descriptor, events (POLLIN), and what came. */
function pollSet(clients: readonly Client[]): Buffer {
  const fds = Buffer.alloc(clients.length * 8);
  for (const [index, { fd }] of clients.entries()) {
    fds.writeInt32LE(fd, index * 8);
    fds.writeInt16LE(1, index * 8 + 4);
  }
  return fds;
}

const received = Buffer.alloc(udpHeaderless);
const nameLength = Buffer.alloc(4);

/** Reads what has come into `received`; its length, negative when there is nothing. The first says who the server is. */
function receive(libc: Libc, client: Client): number {
  const { fd, peer } = client;
  if (client.isConnected)
    return libc.recvfrom(fd, received, udpHeaderless, msgDontWait, null, null);
  nameLength.writeUInt32LE(peer.length);
  const length = libc.recvfrom(fd, received, udpHeaderless, msgDontWait, peer, nameLength);
  // To a connected socket the way needn't be looked up for each datagram.
  client.isConnected = length >= 0 && libc.connect(fd, peer, peer.length) === 0;
  return length;
}

function transmit(libc: Libc, { fd, peer, isConnected }: Client, packet: Buffer): void {
  const to = isConnected ? null : peer;
  libc.sendto(fd, packet, packet.length, msgDontWait, to, to?.length ?? 0);
}

/** Takes the first `length` octets of `received`, one datagram or many blocks; what is to be sent for them. */
function onDatagrams(
  client: Client,
  length: number,
  file: Buffer,
  isLost: () => boolean,
): Buffer | undefined {
  let answer: Buffer | undefined;
  const step = received[1] === opcode.data ? 4 + client.blksize : length;
  for (let at = 0; at < length; at += step)
    if (!isLost())
      answer = onDatagram(client, received, at, Math.min(at + step, length), file) ?? answer;
  return answer;
}

/** What is to be sent for the datagram between two places of `data`; undefined for nothing. */
function onDatagram(
  client: Client,
  data: Buffer,
  from: number,
  to: number,
  file: Buffer,
): Buffer | undefined {
  client.silences = 0;
  switch (data[from + 1]) {
    case opcode.oack:
      if (client.next === 1) agree(client, data.subarray(from, to));
      return ack(client);
    case opcode.data:
      return onData(client, data, from, to, file);
    case opcode.error:
      client.end = `ERROR ${data.readUInt16BE(from + 2)}: ${data.toString("latin1", from + 4, to - 1)}`;
      return undefined;
    default:
      return undefined;
  }
}

function agree(client: Client, oack: Buffer): void {
  const words = oack.toString("latin1", 2).split("\0");
  const value = (name: string) => {
    const index = words.indexOf(name);
    return index === -1 ? undefined : Number(words[index + 1]);
  };
  client.blksize = value("blksize") ?? 512;
  client.windowsize = value("windowsize") ?? 1;
}

function onData(
  client: Client,
  data: Buffer,
  from: number,
  to: number,
  file: Buffer,
): Buffer | undefined {
  if (data.readUInt16BE(from + 2) !== (client.next & 0xffff)) {
    // In lock step each repeated block is acknowledged; in a window the first that doesn't fit.
    if (client.windowsize > 1 && client.complained) return undefined;
    client.complained = true;
    return ack(client);
  }
  const length = to - from - 4;
  const place = (client.next - 1) * client.blksize;
  const expected = Math.max(0, Math.min(client.blksize, file.length - place));
  if (length !== expected || data.compare(file, place, place + expected, from + 4, to) !== 0) {
    client.end = `block ${client.next} is not that of the file`;
    return encodePacket({ kind: "ERROR", code: errorCodes.notDefined, message: client.end });
  }
  client.next += 1;
  client.unacknowledged += 1;
  client.complained = false;
  if (length < client.blksize) client.end = completed;
  else if (client.unacknowledged < client.windowsize) return undefined;
  return ack(client);
}

function ack(client: Client): Buffer {
  client.unacknowledged = 0;
  client.ack.writeUInt16BE((client.next - 1) & 0xffff, 2);
  return client.ack;
}

const outcome = await main(JSON.parse(process.argv[2] ?? "") as TftpLoad);
process.stdout.write(`${JSON.stringify(outcome)}\n`);
