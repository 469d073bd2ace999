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
  /** The next block, counted on past 65535. */
  next: number;
  blksize: number;
  windowsize: number;
  unacknowledged: number;
  /** It has said that a block is missing, and needn't say so for each that follows. */
  complained: boolean;
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

async function main(load: TftpLoad): Promise<TftpOutcome> {
  const libc = await loadLibc();
  const file = readFileSync(load.copy);
  const isLost = createLoss(load.lostPerMille);
  const clients = Array.from({ length: load.clients }, () => openClient(libc, load));
  const datagram = Buffer.alloc(udpHeaderless);
  const startedMs = performance.now();
  const limitMs = startedMs + load.limitSeconds * 1000;
  const send = (client: Client, packet: Buffer, nowMs: number) => {
    client.last = packet;
    client.repeatAtMs = nowMs + repeatMs;
    if (!isLost()) libc.sendto(client.fd, packet, packet.length, 0, client.peer, 16);
  };
  for (const client of clients) send(client, client.last, startedMs);
  const fds = pollSet(clients);
  let nowMs = startedMs;
  let checkAtMs = startedMs + 50;
  let open = clients.length;
  while (open > 0 && nowMs < limitMs) {
    // Without sleeping, as firmware does: what is measured is the server.
    const ready = libc.poll(fds, clients.length, 20);
    nowMs = performance.now();
    for (const [index, client] of ready > 0 ? clients.entries() : []) {
      if (fds[index * 8 + 6] === 0) continue;
      do {
        const length = receive(libc, client, datagram);
        if (length < 0) break;
        if (isLost()) continue;
        const answer = onDatagram(client, datagram.subarray(0, length), file);
        if (answer !== undefined) send(client, answer, nowMs);
      } while (client.end === undefined && client.windowsize > 1);
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
  return {
    fd: libc.socket(afInet, sockDgram | sockCloexec, 0),
    peer: socketAddress(address as Ipv4, 69),
    ...{ next: 1, blksize: 512, windowsize: 1, unacknowledged: 0, complained: false },
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

const nameLength = Buffer.alloc(4);

function receive(libc: Libc, client: Client, datagram: Buffer): number {
  nameLength.writeUInt32LE(16);
  return libc.recvfrom(client.fd, datagram, datagram.length, msgDontWait, client.peer, nameLength);
}

/** What is to be sent for a datagram; undefined for nothing. */
function onDatagram(client: Client, datagram: Buffer, file: Buffer): Buffer | undefined {
  client.silences = 0;
  switch (datagram[1]) {
    case opcode.oack:
      if (client.next === 1) agree(client, datagram);
      return ack(client);
    case opcode.data:
      return onData(client, datagram.readUInt16BE(2), datagram.subarray(4), file);
    case opcode.error:
      client.end = `ERROR ${datagram.readUInt16BE(2)}: ${datagram.toString("latin1", 4, datagram.length - 1)}`;
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

function onData(client: Client, block: number, data: Buffer, file: Buffer): Buffer | undefined {
  if (block !== (client.next & 0xffff)) {
    // In lock step each repeated block is acknowledged; in a window the first that doesn't fit.
    if (client.windowsize > 1 && client.complained) return undefined;
    client.complained = true;
    return ack(client);
  }
  const from = (client.next - 1) * client.blksize;
  const expected = Math.max(0, Math.min(client.blksize, file.length - from));
  if (data.length !== expected || file.compare(data, 0, expected, from, from + expected) !== 0) {
    client.end = `block ${client.next} is not that of the file`;
    return encodePacket({ kind: "ERROR", code: errorCodes.notDefined, message: client.end });
  }
  client.next += 1;
  client.unacknowledged += 1;
  client.complained = false;
  if (data.length < client.blksize) client.end = completed;
  else if (client.unacknowledged < client.windowsize) return undefined;
  return ack(client);
}

function ack(client: Client): Buffer {
  client.unacknowledged = 0;
  const block = (client.next - 1) & 0xffff;
  return Buffer.of(0, 4, block >>> 8, block & 255);
}

const outcome = await main(JSON.parse(process.argv[2] ?? "") as TftpLoad);
process.stdout.write(`${JSON.stringify(outcome)}\n`);
