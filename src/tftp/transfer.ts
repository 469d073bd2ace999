// One file on its way to one client: RFC 1350 lock step, or the window of RFC 7440.
// No socket and no clock in here: packets and times come in, datagrams go out.

import { netasciiBlocks, netasciiSize } from "./netascii.ts";
import { largestBlksize, negotiate } from "./options.ts";
import {
  type Datagram,
  encodeData,
  encodePacket,
  errorCodes,
  type RequestPacket,
  type TftpPacket,
} from "./packet.ts";
import { createWaitingTime, type WaitingTime } from "./waiting-time.ts";

export type TransferOutcome =
  | "completed"
  /** The client sent ERROR. Normal: EDK2 asks for the size this way before it fetches the file. */
  | "aborted-by-client"
  | "timed-out"
  /** The client sent something that has no place in a read. */
  | "failed";

export interface Transfer {
  /** Octets the client has acknowledged. */
  readonly bytes: number;
  /** How many times something was sent again. */
  readonly retries: number;
  /** When `onTimeout` is due, in the unit of `now`, milliseconds; Infinity once there is an outcome. */
  readonly deadline: number;
  readonly outcome: TransferOutcome | undefined;
  /** The first datagrams: an OACK, or DATA when no option is in force. */
  start(now: number): Datagram[];
  onPacket(packet: TftpPacket, now: number): Datagram[];
  onTimeout(now: number): Datagram[];
}

/** Sends of the same thing without any progress before the client counts as gone. */
const maxTries = 7;
/** Silence after which a client counts as gone, however long a timeout it has named. */
const maxSilenceMs = 300_000;
// Longer than the way to a client and back: whatever it acknowledges of a window arrives before.
const repeatedAckMs = 20;

/**
 * Starts nothing yet: the transfer of `file` as asked for by `request`, whose mode is octet or netascii. `maxBlksize`
 * is the most that a request for blksize is answered with, 512 or more.
 */
export function createTransfer(
  request: RequestPacket,
  file: Buffer,
  maxBlksize = largestBlksize,
): Transfer {
  return new ReadTransfer(request, file, maxBlksize);
}

class ReadTransfer implements Transfer {
  readonly #blksize: number;
  readonly #windowsize: number;
  readonly #waitingTime: WaitingTime;
  readonly #oack: Datagram | undefined;
  readonly #block: (number: number) => Buffer;
  /** Known once it has been read: the first block shorter than blksize, which may be an empty one. */
  #last: { readonly block: number; readonly length: number } | undefined;

  // Block numbers count on past 65535 in here. On the wire they are the low 16 bits, so 0 follows 65535.
  #acked = 0;
  #sent = 0;
  #oackPending: boolean;
  #tries = 1;
  #retries = 0;
  #progressAt = 0;
  /** The client has said twice how far it is since it last got on. */
  #ackRepeated = false;
  #deadline = Number.POSITIVE_INFINITY;
  #outcome: TransferOutcome | undefined;

  constructor(request: RequestPacket, file: Buffer, maxBlksize: number) {
    const netascii = request.mode === "netascii";
    const isSizeAsked = request.options.has("tsize");
    const sizeBytes = netascii && isSizeAsked ? netasciiSize(file) : file.length;
    const options = negotiate(request.options, sizeBytes, maxBlksize);
    const { blksize, windowsize, acknowledged } = options;
    this.#blksize = blksize;
    this.#windowsize = windowsize;
    this.#waitingTime = createWaitingTime(options.timeoutMs);
    this.#block = netascii
      ? netasciiBlocks(file, blksize, windowsize)
      : (number) => file.subarray((number - 1) * blksize, number * blksize);
    this.#oackPending = acknowledged.size > 0;
    this.#oack = this.#oackPending
      ? [encodePacket({ kind: "OACK", options: acknowledged })]
      : undefined;
  }

  get bytes(): number {
    const { block, length } = this.#last ?? { block: undefined, length: 0 };
    return this.#acked === block
      ? (block - 1) * this.#blksize + length
      : this.#acked * this.#blksize;
  }

  get retries(): number {
    return this.#retries;
  }

  get deadline(): number {
    return this.#deadline;
  }

  get outcome(): TransferOutcome | undefined {
    return this.#outcome;
  }

  start(now: number): Datagram[] {
    this.#progressAt = now;
    this.#wait(now);
    return this.#window();
  }

  onPacket(packet: TftpPacket, now: number): Datagram[] {
    if (this.#outcome !== undefined) return [];
    switch (packet.kind) {
      case "ACK":
        return this.#onAck(packet.block, now);
      case "ERROR":
        this.#end("aborted-by-client");
        return [];
      case "RRQ":
      case "WRQ":
      case "DATA":
      case "OACK": {
        // Neither delay nor duplication explains it (RFC 1350 §2).
        this.#end("failed");
        const code = errorCodes.illegalOperation;
        const message = `${packet.kind} has no place in a read`;
        return [[encodePacket({ kind: "ERROR", code, message })]];
      }
    }
  }

  onTimeout(now: number): Datagram[] {
    if (this.#outcome !== undefined || now < this.#deadline) return [];
    if (this.#tries >= maxTries || now - this.#progressAt >= maxSilenceMs) {
      this.#end("timed-out");
      return [];
    }
    this.#tries += 1;
    this.#retries += 1;
    this.#waitingTime.onTimeout();
    this.#wait(now);
    return this.#window();
  }

  #onAck(block: number, now: number): Datagram[] {
    // A gap may be told of after the client's own timeout, which says nothing of the link.
    let isWhole = true;
    if (this.#oackPending) {
      if (block !== 0) return [];
      this.#oackPending = false;
    } else {
      const progress = (block - this.#acked) & 0xffff;
      if (progress === 0) this.#onRepeatedAck(now);
      // More than we have in flight is an old ACK that came late.
      if (progress === 0 || progress > this.#sent - this.#acked) return [];
      // An ACK inside the window says that the blocks after it were lost (RFC 7440 §4): they go out again.
      isWhole = this.#acked + progress === this.#sent;
      if (!isWhole) this.#retries += 1;
      this.#acked += progress;
    }
    if (this.#acked === this.#last?.block) {
      this.#end("completed");
      return [];
    }
    const isClear = isWhole && this.#tries === 1;
    this.#waitingTime.onProgress(isClear ? now - this.#progressAt : undefined);
    this.#progressAt = now;
    this.#tries = 1;
    this.#ackRepeated = false;
    this.#wait(now);
    return this.#window();
  }

  /**
   * In lock step a repeated ACK says nothing, and answering it with DATA is the Sorcerer's Apprentice fault: each
   * duplicate breeds another one until the end of the file (RFC 1123 §4.2.3.1). With a window it may say that the first
   * block of the window was lost (RFC 7440 §4). So it makes the wait shorter, once: a client that lost nothing gets on
   * before the wait is over, and no number of duplicates leads to more than one window.
   */
  #onRepeatedAck(now: number): void {
    if (this.#windowsize === 1 || this.#ackRepeated) return;
    this.#ackRepeated = true;
    this.#deadline = Math.min(this.#deadline, now + repeatedAckMs);
  }

  /** What is to be acknowledged next: the OACK, or the blocks after the last acknowledged one. */
  #window(): Datagram[] {
    if (this.#oackPending && this.#oack !== undefined) return [this.#oack];
    const datagrams: Datagram[] = [];
    const end = Math.min(this.#acked + this.#windowsize, this.#last?.block ?? Infinity);
    for (let block = this.#acked + 1; block <= end; block += 1) {
      const data = this.#block(block);
      datagrams.push(encodeData(block & 0xffff, data));
      this.#sent = block;
      if (data.length === this.#blksize) continue;
      this.#last = { block, length: data.length };
      break;
    }
    return datagrams;
  }

  #wait(now: number): void {
    this.#deadline = Math.min(now + this.#waitingTime.ms, this.#progressAt + maxSilenceMs);
  }

  #end(outcome: TransferOutcome): void {
    this.#outcome = outcome;
    this.#deadline = Number.POSITIVE_INFINITY;
  }
}
