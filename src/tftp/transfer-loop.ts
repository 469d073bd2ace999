// All transfers of a server in one loop over their sockets, which blocks the thread it runs on. What to send is decided in
// transfer.ts.

import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Libc } from "../net/libc.ts";
import {
  type Datagram,
  decodePacket,
  encodePacket,
  errorCodes,
  type RequestPacket,
} from "./packet.ts";
import { createTransfer, type Transfer, type TransferOutcome } from "./transfer.ts";
import { TransferSocket } from "./transfer-socket.ts";

/** `superseded`: the client has begun anew from the same port. */
export type TransferEnd = TransferOutcome | "stopped" | "superseded";

export interface TransferOrder {
  readonly request: RequestPacket;
  /** Where the file is in memory. It stays there until the transfer's end is told. */
  readonly file: { readonly address: bigint; readonly length: number };
  readonly maxBlksize: number;
  /** The address to send from. */
  readonly source: Ipv4;
  readonly peer: { readonly address: Ipv4; readonly port: number };
}

export type ToTransferThread =
  | { readonly kind: "run"; readonly id: number; readonly order: TransferOrder }
  /** `stopped` tells the client. */
  | { readonly kind: "stop"; readonly id: number; readonly end: EarlyEnd }
  /** Is it over, by what the client has sent until now? */
  | { readonly kind: "ask"; readonly id: number };

type EarlyEnd = Extract<TransferEnd, "stopped" | "superseded" | "timed-out">;

export type FromTransferThread =
  /** The client has acknowledged something for the first time. */
  | { readonly kind: "answered"; readonly id: number }
  | {
      readonly kind: "ended";
      readonly id: number;
      readonly end: TransferEnd;
      readonly bytes: number;
      readonly retries: number;
    }
  /** The answer to `ask`; `ended` has gone before it. */
  | { readonly kind: "over"; readonly id: number; readonly isOver: boolean }
  | { readonly kind: "trouble"; readonly client: Ipv4; readonly reason: string };

interface Session {
  readonly id: number;
  readonly client: Ipv4;
  readonly transfer: Transfer;
  readonly socket: TransferSocket;
  hasAnswer: boolean;
}

// How late a timer or a new transfer may be.
const turnMs = 2;
// Waking up takes as long as a near client needs for its answer. So the loop stays awake this long, as long as that pays.
const awakeMs = 0.1;
const maxMisses = 3;
// After so many turns without it, it is tried again.
const retryTurns = 50;

// Who has the wrong port gets his answer this late; nobody is kept waiting by it.
const strangersMs = 20;

// More than a client has under way. A flood must not keep the others waiting.
const mostWaiting = 64;

// poll(2): struct pollfd is the descriptor, the events asked for and the events found.
const pollIn = 1;
const pollfdBytes = 8;

export class TransferLoop {
  readonly #libc: Libc;
  readonly #tell: (message: FromTransferThread) => void;
  #open: Session[] = [];
  #fds = Buffer.alloc(0);
  #awakeUntilMs = 0;
  #strangersAtMs = 0;
  /** How often in succession nothing came while the loop stayed awake; and, beyond that, turns since. */
  #misses = 0;

  constructor(libc: Libc, tell: (message: FromTransferThread) => void) {
    this.#libc = libc;
    this.#tell = tell;
  }

  isBusy(): boolean {
    return this.#open.length > 0;
  }

  take(message: ToTransferThread): void {
    if (message.kind === "run") this.#begin(message.id, message.order);
    else if (message.kind === "stop") this.#stop(message.id, message.end);
    else this.#answer(message.id);
  }

  /** Serves the sockets for `turnMs`, and then the timers. */
  turn(): void {
    const endMs = performance.now() + turnMs;
    let nowMs = endMs - turnMs;
    if (this.#misses > maxMisses + retryTurns) this.#misses = 0;
    else if (this.#misses > maxMisses) this.#misses += 1;
    while (nowMs < endMs && this.isBusy()) {
      const isAwake = nowMs < this.#awakeUntilMs && this.#misses <= maxMisses;
      // To read a single socket is to ask it whether there is something.
      const isAlone = isAwake && this.#open.length === 1;
      const ready =
        isAlone || this.#libc.poll(this.#fds, this.#open.length, isAwake ? 0 : turnMs) > 0;
      nowMs = performance.now();
      if (ready && this.#receive(nowMs, isAlone)) {
        if (isAwake) this.#misses = 0;
        this.#awakeUntilMs = nowMs + awakeMs;
      } else if (isAwake && nowMs >= this.#awakeUntilMs) this.#misses += 1;
    }
    for (const session of [...this.#open])
      if (nowMs >= session.transfer.deadline)
        this.#proceed(session, session.transfer.onTimeout(nowMs));
    if (nowMs < this.#strangersAtMs) return;
    this.#strangersAtMs = nowMs + strangersMs;
    for (const { socket } of this.#open) answerStranger(socket);
  }

  /** Reads the sockets that poll found ready, or `all`; false when there was nothing. */
  #receive(nowMs: number, all: boolean): boolean {
    let received = false;
    // Whoever ends meanwhile leaves the lists; these are as poll saw them.
    const [fds, sessions] = [this.#fds, this.#open];
    for (let i = 0; i < sessions.length; i += 1) {
      const session = sessions[i];
      if (session === undefined || (!all && fds[i * pollfdBytes + 6] === 0)) continue;
      // One at a time: there is seldom a second, and to find that out would cost a call.
      const datagram = session.socket.receive();
      if (datagram === undefined) continue;
      received = true;
      this.#onDatagram(session, datagram, nowMs);
    }
    return received;
  }

  #onDatagram(session: Session, datagram: Buffer, nowMs: number): void {
    const packet = decodePacket(datagram);
    if ("malformed" in packet) return;
    this.#proceed(session, session.transfer.onPacket(packet, nowMs));
    if (session.hasAnswer || packet.kind !== "ACK") return;
    session.hasAnswer = true;
    this.#tell({ kind: "answered", id: session.id });
  }

  #begin(id: number, { request, file, maxBlksize, source, peer }: TransferOrder): void {
    const client = peer.address;
    let socket: TransferSocket;
    try {
      socket = new TransferSocket(this.#libc, source, peer);
    } catch (error) {
      this.#tell({ kind: "trouble", client, reason: messageOf(error) });
      this.#tell({ kind: "ended", id, end: "failed", bytes: 0, retries: 0 });
      return;
    }
    const data = this.#libc.memory(file.address, file.length);
    const transfer = createTransfer(request, data, maxBlksize);
    const session: Session = { id, client, transfer, socket, hasAnswer: false };
    this.#change([...this.#open, session]);
    this.#proceed(session, transfer.start(performance.now()));
  }

  #proceed(session: Session, datagrams: readonly Datagram[]): void {
    const { socket, transfer, client } = session;
    const complaint = socket.send(datagrams);
    if (complaint !== undefined) this.#tell({ kind: "trouble", client, reason: complaint });
    if (transfer.outcome !== undefined) this.#end(session, transfer.outcome);
  }

  #find(id: number): Session | undefined {
    return this.#open.find((session) => session.id === id);
  }

  /** What the client has sent is read first: its last ACK, or an ERROR, may not have had its turn. */
  #answer(id: number): void {
    for (let count = 0; count < mostWaiting; count += 1) {
      const session = this.#find(id);
      const datagram = session?.socket.receive();
      if (session === undefined || datagram === undefined) break;
      this.#onDatagram(session, datagram, performance.now());
    }
    this.#tell({ kind: "over", id, isOver: this.#find(id) === undefined });
  }

  #stop(id: number, end: EarlyEnd): void {
    const session = this.#find(id);
    if (session === undefined) return;
    const code = errorCodes.notDefined;
    if (end === "stopped")
      session.socket.send([
        [encodePacket({ kind: "ERROR", code, message: "the transfer was stopped" })],
      ]);
    this.#end(session, end);
  }

  #end(session: Session, end: TransferEnd): void {
    const { id, transfer, socket } = session;
    socket.close();
    this.#change(this.#open.filter((other) => other !== session));
    this.#tell({ kind: "ended", id, end, bytes: transfer.bytes, retries: transfer.retries });
  }

  #change(open: Session[]): void {
    this.#open = open;
    this.#fds = Buffer.alloc(open.length * pollfdBytes);
    for (const [i, { socket }] of open.entries()) {
      this.#fds.writeInt32LE(socket.fd, i * pollfdBytes);
      this.#fds.writeInt16LE(pollIn, i * pollfdBytes + 4);
    }
  }
}

/** RFC 1350 §4: a stranger gets ERROR 5 and the transfer goes on. An ERROR is never answered with an ERROR. */
function answerStranger(socket: TransferSocket): void {
  const strange = socket.receiveStrange();
  if (strange === undefined) return;
  const packet = decodePacket(strange.datagram);
  if ("malformed" in packet || packet.kind === "ERROR") return;
  const code = errorCodes.unknownTransferId;
  const message = "this transfer belongs to another port";
  socket.sendToStranger(encodePacket({ kind: "ERROR", code, message }), strange.from);
}
