// One file on its way to one client: RFC 1350 lock step, or the window of RFC 7440.
// No socket and no clock in here: packets and times come in, datagrams go out.

import { encodeNetascii } from "./netascii.ts";
import { negotiate } from "./options.ts";
import { encodePacket, errorCodes, type RequestPacket, type TftpPacket } from "./packet.ts";

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
  start(now: number): Buffer[];
  onPacket(packet: TftpPacket, now: number): Buffer[];
  onTimeout(now: number): Buffer[];
}

/** Waiting time before the first retransmission when the client names none, milliseconds. */
const firstTimeoutMs = 1_000;
/** The doubling of the waiting time stops here, or at the client's own timeout when that is longer. */
const longestTimeoutMs = 8_000;
/** Sends of the same thing without any progress before the client counts as gone. */
const maxTries = 7;

/** Starts nothing yet: the transfer of `file` as asked for by `request`, whose mode is octet or netascii. */
export function createTransfer(request: RequestPacket, file: Buffer): Transfer {
  return new ReadTransfer(request, file);
}

class ReadTransfer implements Transfer {
  readonly #data: Buffer;
  readonly #blksize: number;
  readonly #windowsize: number;
  readonly #firstTimeoutMs: number;
  readonly #oack: Buffer | undefined;
  /** Number of the last block; a file that is a multiple of blksize ends with an empty one. */
  readonly #lastBlock: number;

  // Block numbers count on past 65535 in here. On the wire they are the low 16 bits, so 0 follows 65535.
  #acked = 0;
  #sent = 0;
  #oackPending: boolean;
  #tries = 1;
  #retries = 0;
  #deadline = Number.POSITIVE_INFINITY;
  #outcome: TransferOutcome | undefined;

  constructor(request: RequestPacket, file: Buffer) {
    this.#data = request.mode === "netascii" ? encodeNetascii(file) : file;
    const options = negotiate(request.options, this.#data.length);
    this.#blksize = options.blksize;
    this.#windowsize = options.windowsize;
    this.#firstTimeoutMs = options.timeoutMs ?? firstTimeoutMs;
    this.#lastBlock = Math.floor(this.#data.length / options.blksize) + 1;
    this.#oackPending = options.acknowledged.size > 0;
    this.#oack = this.#oackPending
      ? encodePacket({ kind: "OACK", options: options.acknowledged })
      : undefined;
  }

  get bytes(): number {
    return Math.min(this.#acked * this.#blksize, this.#data.length);
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

  start(now: number): Buffer[] {
    this.#wait(now);
    return this.#window();
  }

  onPacket(packet: TftpPacket, now: number): Buffer[] {
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
      case "OACK":
        this.#end("failed");
        return [
          encodePacket({
            kind: "ERROR",
            code: errorCodes.illegalOperation,
            message: `${packet.kind} has no place in a read`,
          }),
        ];
    }
  }

  onTimeout(now: number): Buffer[] {
    if (this.#outcome !== undefined || now < this.#deadline) return [];
    if (this.#tries >= maxTries) {
      this.#end("timed-out");
      return [];
    }
    this.#tries += 1;
    this.#retries += 1;
    this.#wait(now);
    return this.#window();
  }

  #onAck(block: number, now: number): Buffer[] {
    if (this.#oackPending) {
      if (block !== 0) return [];
      this.#oackPending = false;
    } else {
      const progress = (block - this.#acked) & 0xffff;
      // 0 is a duplicate, more than we have in flight is an old ACK that came late. Answering either with DATA is
      // the Sorcerer's Apprentice fault: each duplicate breeds another one until the end of the file.
      if (progress === 0 || progress > this.#sent - this.#acked) return [];
      // An ACK inside the window says that the blocks after it were lost (RFC 7440 §4): they go out again.
      if (this.#acked + progress < this.#sent) this.#retries += 1;
      this.#acked += progress;
    }
    if (this.#acked === this.#lastBlock) {
      this.#end("completed");
      return [];
    }
    this.#tries = 1;
    this.#wait(now);
    return this.#window();
  }

  /** What is to be acknowledged next: the OACK, or the blocks after the last acknowledged one. */
  #window(): Buffer[] {
    if (this.#oackPending && this.#oack !== undefined) return [this.#oack];
    this.#sent = Math.min(this.#acked + this.#windowsize, this.#lastBlock);
    const packets: Buffer[] = [];
    for (let block = this.#acked + 1; block <= this.#sent; block += 1) {
      const data = this.#data.subarray((block - 1) * this.#blksize, block * this.#blksize);
      packets.push(encodePacket({ kind: "DATA", block: block & 0xffff, data }));
    }
    return packets;
  }

  #wait(now: number): void {
    const longest = Math.max(longestTimeoutMs, this.#firstTimeoutMs);
    this.#deadline = now + Math.min(this.#firstTimeoutMs * 2 ** (this.#tries - 1), longest);
  }

  #end(outcome: TransferOutcome): void {
    this.#outcome = outcome;
    this.#deadline = Number.POSITIVE_INFINITY;
  }
}
