// A network between a TFTP transfer and a reading client, in virtual time: it loses, doubles and
// reorders datagrams as a seeded generator says. The client follows RFC 1350 and RFC 7440.

import {
  type Datagram,
  decodePacket,
  encodePacket,
  type TftpPacket,
} from "../../src/tftp/packet.ts";
import type { Transfer } from "../../src/tftp/transfer.ts";

export interface Link {
  readonly loss: number;
  readonly duplication: number;
  /** Datagrams take 1 ms, or up to this many more. */
  readonly jitterMs: number;
  readonly seed: number;
  /** Virtual time after which the run is given up. */
  readonly limitMs: number;
}

export interface LinkResult {
  readonly received: Buffer;
  readonly complete: boolean;
  /** DATA and OACK datagrams that the server sent. */
  readonly sent: number;
  readonly elapsedMs: number;
}

interface InFlight {
  readonly atMs: number;
  readonly order: number;
  readonly to: "client" | "server";
  readonly datagram: Buffer;
}

/** A client that asks again for the last block it has when nothing came for a second. */
interface Client {
  next: number;
  sinceAck: number;
  oack: boolean;
  done: boolean;
  lastAck: number;
  deadline: number;
  readonly blocks: Buffer[];
}

export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export function runOverLink(transfer: Transfer, link: Link): LinkResult {
  const random = generator(link.seed);
  const flight: InFlight[] = [];
  let nowMs = 0;
  let order = 0;
  let sent = 0;
  const shape = { blksize: 512, windowsize: 1 };
  const client: Client = {
    next: 1,
    sinceAck: 0,
    oack: false,
    done: false,
    lastAck: -1,
    deadline: 1_000,
    blocks: [],
  };

  const send = (to: InFlight["to"], datagrams: readonly Datagram[]) => {
    for (const parts of datagrams) {
      const datagram = Buffer.concat(parts);
      if (to === "client") sent += 1;
      const copies = random() < link.duplication ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        if (random() < link.loss) continue;
        const atMs = nowMs + 1 + Math.floor(random() * link.jitterMs);
        flight.push({ atMs, order: order++, to, datagram });
      }
    }
  };

  send("client", transfer.start(nowMs));
  while (nowMs < link.limitMs && transfer.outcome === undefined) {
    flight.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    const clientDeadline = client.done ? Number.POSITIVE_INFINITY : client.deadline;
    const timer = Math.min(transfer.deadline, clientDeadline);
    const first = flight[0];
    if (first !== undefined && first.atMs <= timer) {
      flight.shift();
      nowMs = Math.max(nowMs, first.atMs);
      const packet = decodePacket(first.datagram) as TftpPacket;
      if (first.to === "server") send("client", transfer.onPacket(packet, nowMs));
      else send("server", receive(client, shape, packet, nowMs));
      continue;
    }
    if (!Number.isFinite(timer)) break;
    nowMs = timer;
    if (timer === transfer.deadline) send("client", transfer.onTimeout(nowMs));
    if (timer === clientDeadline) send("server", ackAgain(client, nowMs));
  }
  const received = Buffer.concat(client.blocks);
  return { received, complete: client.done, sent, elapsedMs: nowMs };
}

function receive(
  client: Client,
  shape: { blksize: number; windowsize: number },
  packet: TftpPacket,
  nowMs: number,
): Datagram[] {
  if (packet.kind === "OACK") {
    if (client.next > 1) return [];
    shape.blksize = Number(packet.options.get("blksize") ?? 512);
    shape.windowsize = Number(packet.options.get("windowsize") ?? 1);
    client.oack = true;
    return ack(client, 0, nowMs);
  }
  if (packet.kind !== "DATA") return [];
  if (packet.block !== (client.next & 0xffff)) {
    // A duplicate or a gap: say once more what the last block in order was.
    return client.next > 1 || client.oack ? ack(client, client.next - 1, nowMs) : [];
  }
  client.blocks.push(packet.data);
  client.next += 1;
  client.sinceAck += 1;
  client.done = packet.data.length < shape.blksize;
  client.deadline = nowMs + 1_000;
  return client.done || client.sinceAck >= shape.windowsize
    ? ack(client, client.next - 1, nowMs)
    : [];
}

function ack(client: Client, block: number, nowMs: number): Datagram[] {
  client.sinceAck = 0;
  client.lastAck = block;
  client.deadline = nowMs + 1_000;
  return [[encodePacket({ kind: "ACK", block: block & 0xffff })]];
}

function ackAgain(client: Client, nowMs: number): Datagram[] {
  if (client.lastAck < 0) {
    client.deadline = nowMs + 1_000;
    return [];
  }
  return ack(client, client.next - 1, nowMs);
}
