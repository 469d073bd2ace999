// All downloads in one loop over their connections, which blocks the thread it runs on. What may go when is decided in
// download.ts.

import { fstatSync } from "node:fs";
import { identityOf } from "../boot/asset-file.ts";
import { type Libc, msgDontWait } from "../net/libc.ts";
import { Download, type DownloadOutcome, type Offer, type Patience } from "./download.ts";
import { createPace, type Rate, sliceBytesAt } from "./pacing.ts";

/** An image where it is in memory, or its open file, and what that must still be when the last octets leave. */
export type ImageSource =
  | { readonly address: bigint }
  | { readonly file: number; readonly identity: string };

export interface DownloadOrder {
  /** The client's connection, on which the head has left. It stays open, and the source as it is, until the download's end is told. */
  readonly connection: number;
  readonly source: ImageSource;
  readonly start: number;
  /** Behind the last octet. */
  readonly end: number;
  /** Whose rate it is. */
  readonly client: string;
  readonly rate: Rate;
}

export type ToDownloadThread =
  | { readonly kind: "run"; readonly id: number; readonly order: DownloadOrder }
  /** Cuts all. */
  | { readonly kind: "stop" };

export interface DownloadEnd {
  readonly outcome: DownloadOutcome;
  /** What was handed to the network. Of a download that was cut, up to half a mebibyte of it may not have left. */
  readonly bytes: number;
  /** When it was cut on our side. */
  readonly trouble?: string;
}

export type FromDownloadThread = DownloadEnd & { readonly id: number };

interface Session {
  readonly id: number;
  readonly order: DownloadOrder;
  readonly download: Download;
}

// How late a pause may end, or a new download begin while nothing can be sent.
const turnMs = 5;
// A client that has to wait for the disk keeps the others waiting: not longer than for one read.
const diskSliceBytes = 128 * 1024;

// poll(2): struct pollfd is the descriptor, the events asked for and the events found.
const pollOut = 4;
const pollfdBytes = 8;
// sys/socket.h: SHUT_WR
const shutWrite = 1;

export class DownloadLoop {
  readonly #libc: Libc;
  readonly #patience: Patience;
  readonly #tell: (message: FromDownloadThread) => void;
  readonly #pace = createPace(() => performance.now());
  readonly #offset = Buffer.alloc(8);
  #open: Session[] = [];
  #fds = Buffer.alloc(0);

  constructor(libc: Libc, patience: Patience, tell: (message: FromDownloadThread) => void) {
    this.#libc = libc;
    this.#patience = patience;
    this.#tell = tell;
  }

  isBusy(): boolean {
    return this.#open.length > 0;
  }

  take(message: ToDownloadThread): void {
    if (message.kind === "run") this.#begin(message.id, message.order);
    else for (const session of this.#open) this.#end(session, "cut");
  }

  /** Gives every client that can take something its next octets; waits for one that can, but not long. */
  turn(): void {
    const startMs = performance.now();
    for (const [i, { download }] of this.#open.entries()) {
      // Asked for nothing, the kernel still tells of a connection that broke.
      const events = download.next(startMs) === undefined ? 0 : pollOut;
      this.#fds.writeInt16LE(events, i * pollfdBytes + 4);
    }
    this.#libc.poll(this.#fds, this.#open.length, turnMs);
    const nowMs = performance.now();
    // Whoever ends meanwhile leaves the lists; these are as poll saw them.
    const fds = this.#fds;
    for (const [i, session] of this.#open.entries()) {
      const found = fds.readInt16LE(i * pollfdBytes + 6);
      if (found !== 0 || nowMs >= session.download.deadlineMs)
        this.#push(session, nowMs, (found & ~pollOut) !== 0);
    }
  }

  #begin(id: number, order: DownloadOrder): void {
    const { start, end, client, rate, source } = order;
    const most = "file" in source ? diskSliceBytes : Number.POSITIVE_INFINITY;
    const shape = { start, end, sliceBytes: Math.min(sliceBytesAt(rate), most) };
    const waitMs = (octets: number) => (rate === undefined ? 0 : this.#pace(client, octets, rate));
    const download = new Download(shape, this.#patience, waitMs, performance.now());
    this.#change([...this.#open, { id, order, download }]);
  }

  #push(session: Session, nowMs: number, isBroken: boolean): void {
    const { download, order } = session;
    const offer = download.next(nowMs);
    if (offer === undefined) {
      if (isBroken) this.#end(session, "cut");
      return;
    }
    const sent = this.#send(order, offer);
    if (typeof sent !== "number") {
      this.#end(session, "cut", sent.trouble);
      return;
    }
    download.took(sent, nowMs);
    if (download.outcome !== undefined) this.#end(session, download.outcome);
  }

  /** How many octets the network took, or that it takes no more. */
  #send(order: DownloadOrder, { offset, length }: Offer): number | { readonly trouble?: string } {
    const { connection, source, end } = order;
    if ("address" in source)
      return this.#taken(
        this.#libc.send(connection, source.address + BigInt(offset), length, msgDontWait),
      );
    // Asked before the last slice leaves, while the client can still be told by an incomplete body.
    if (offset + length === end && !isUnchanged(source))
      return { trouble: "the file changed while it was sent" };
    this.#offset.writeBigInt64LE(BigInt(offset));
    const sent = this.#libc.sendfile(connection, source.file, this.#offset, length);
    return sent === 0
      ? { trouble: "the file became shorter while it was sent" }
      : this.#taken(sent);
  }

  #taken(sent: number): number | Record<string, never> {
    return sent < 0 && this.#libc.lastError() !== "EAGAIN" ? {} : Math.max(sent, 0);
  }

  #end(session: Session, outcome: DownloadOutcome, trouble?: string): void {
    const { id, order, download } = session;
    // So that the client hears of the end at once, however long the main thread takes.
    if (outcome === "complete") this.#libc.shutdown(order.connection, shutWrite);
    this.#change(this.#open.filter((other) => other !== session));
    this.#tell({ id, outcome, bytes: download.bytes, ...(trouble !== undefined && { trouble }) });
  }

  #change(open: Session[]): void {
    this.#open = open;
    this.#fds = Buffer.alloc(open.length * pollfdBytes);
    for (const [i, { order }] of open.entries())
      this.#fds.writeInt32LE(order.connection, i * pollfdBytes);
  }
}

function isUnchanged({ file, identity }: Extract<ImageSource, { file: number }>): boolean {
  return identityOf(fstatSync(file, { bigint: true })) === identity;
}
