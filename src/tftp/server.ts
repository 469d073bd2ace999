// The TFTP service: read requests on port 69, then one socket of its own for each transfer (RFC 1350 §4).
// This file holds the listening socket; the transfers have a thread of their own (transfer-thread.ts). What a name stands
// for is asked of `files`; nothing is ever written.

import type { RemoteInfo, Socket } from "node:dgram";
import type { Logger } from "pino";
import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { createPerSecond } from "../net/per-second.ts";
import { createRepeats } from "../net/repeats.ts";
import { judgeRequest } from "./judge.ts";
import { openTftpSocket } from "./listening-socket.ts";
import { largestBlksize } from "./options.ts";
import {
  decodePacket,
  encodePacket,
  errorCodes,
  type Malformed,
  type RequestPacket,
} from "./packet.ts";
import { makeRoom, type Session, type Sessions } from "./sessions.ts";
import type { TransferEnd } from "./transfer-loop.ts";
import { startTransfers, type Transfers } from "./transfers.ts";

/** One read request, when it is over. `bytes` is what the client acknowledged. */
export interface TftpEvent {
  readonly file: string;
  readonly client: Ipv4;
  readonly bytes: number;
  readonly retries: number;
  readonly milliseconds: number;
  readonly outcome: TransferEnd | "not-found" | "refused";
}

/** A file in memory, which is sent from and never copied whole. */
export interface HeldFile {
  readonly data: Buffer;
  /** Called once when nothing of `data` is to be sent any more. */
  release(): void;
}

export interface TftpServerOptions {
  /** Also the source address of every transfer, so that a host with several interfaces answers from the one that was asked. */
  readonly address: Ipv4;
  readonly port?: number;
  /** The listening socket, when somebody else has bound it. */
  readonly socket?: Socket;
  /**
   * The file of that cleaned name, or undefined when there is none for this client. `full`: there is no room for it at the moment,
   * and the client asks again.
   */
  readonly files: (name: string, client: Ipv4) => Promise<HeldFile | "full" | undefined>;
  /** A name as events and the log may have it; as it is unless this is given. */
  readonly shown?: (name: string) => string;
  readonly onEvent: (event: TftpEvent) => void;
  /** The service has ended by a fault, and serves nobody any more. */
  readonly onFault: (error: Error) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<TftpLimits>;
}

interface TftpLimits {
  /**
   * At one time, in all. Who comes when there are so many gets the place of a client that has never answered, or no answer, and
   * so asks again as it does after a loss.
   */
  readonly maxTransfers: number;
  /** At one time, to one address. More take the place of one that was never answered, or are refused. */
  readonly maxTransfersPerClient: number;
  /**
   * The most that a client which asks for blksize is given, 512 to 65464. Blocks that don't fit into one frame leave in
   * fragments; for the sake of firmware that can't put those together, set it to the MTU less 32.
   */
  readonly maxBlksize: number;
  /** Refusals reported through `onEvent` in one second; the rest are only counted, so that a flood cannot fill the store. */
  readonly refusalEventsPerSecond: number;
}

interface TftpState {
  readonly service: "running" | "stopped" | "failed";
  readonly transfers: number;
  readonly malformed: number;
  readonly refused: number;
}

export interface TftpServer {
  /** Binds the socket; rejects when the address or port cannot be had. Resolves to the port. */
  start(): Promise<number>;
  /** Tells the clients of running transfers, and closes every socket. */
  close(): Promise<void>;
  state(): TftpState;
}

const defaultLimits: TftpLimits = {
  maxTransfers: 2048,
  maxTransfersPerClient: 128,
  maxBlksize: largestBlksize,
  refusalEventsPerSecond: 20,
};

export function createTftpServer(options: TftpServerOptions): TftpServer {
  return new Server(options);
}

// A datagram that comes twice does so within this time, and a client repeats a request that wasn't answered. Later it is a
// machine that was restarted and uses the same port again.
const sameRequestMs = 3_000;
const minuteMs = 60_000;

interface Asked {
  readonly packet: RequestPacket;
  readonly name: string;
  readonly datagram: Buffer;
  readonly from: RemoteInfo;
}

class Server implements TftpServer {
  readonly #options: TftpServerOptions;
  readonly #limits: TftpLimits;
  readonly #sessions: Sessions = new Map();
  #socket: Socket | undefined;
  #transfers: Transfers | undefined;
  #service: TftpState["service"] = "stopped";
  #malformed = 0;
  #refused = 0;
  readonly #isRepeat: (fault: string, windowMs: number) => boolean;
  readonly #mayReport: (group: "refusals", nowMs: number) => boolean;

  constructor(options: TftpServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    // One that was handed over is this server's to close, also when it was never started.
    this.#socket = options.socket;
    this.#isRepeat = createRepeats(options.now);
    this.#mayReport = createPerSecond({ refusals: this.#limits.refusalEventsPerSecond });
  }

  async start(): Promise<number> {
    const { address, port = 69, logger, now } = this.#options;
    const onFault = (error: Error) => {
      this.#service = "failed";
      logger.error({ err: error }, "TFTP has failed");
      const reason = `TFTP on ${address} has failed: ${messageOf(error)}`;
      this.#options.onFault(new Error(reason, { cause: error }));
    };
    const socket = this.#socket ?? (await openTftpSocket(address, port));
    // Set at once, so that close finds what start has opened.
    this.#socket = socket;
    socket.on("error", onFault);
    this.#transfers = await startTransfers(logger, onFault, now);
    socket.on("message", (datagram, from) => this.#onDatagram(datagram, from));
    this.#service = "running";
    return socket.address().port;
  }

  async close(): Promise<void> {
    this.#service = "stopped";
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
    const running = [...this.#sessions.values()];
    for (const session of running) session.stop.abort("stopped");
    await Promise.all(running.map((session) => session.ended));
    await this.#transfers?.close();
  }

  state(): TftpState {
    return {
      service: this.#service,
      transfers: this.#sessions.size,
      malformed: this.#malformed,
      refused: this.#refused,
    };
  }

  #onDatagram(datagram: Buffer, from: RemoteInfo): void {
    // Nothing can be sent to port 0, and only a forged packet comes from there.
    if (from.port === 0) return;
    const packet = decodePacket(datagram);
    if ("malformed" in packet) {
      this.#onMalformed(packet, from);
      return;
    }
    // Anything else belongs to a transfer's own port. Answering it here could start an endless exchange of errors.
    if (packet.kind !== "RRQ" && packet.kind !== "WRQ") return;
    const refusal = judgeRequest(packet);
    if (typeof refusal !== "string") {
      this.#refuse(packet, from, refusal.code, refusal.message);
      return;
    }
    this.#accept({ packet, name: refusal, datagram, from });
  }

  #onMalformed(packet: Malformed, from: RemoteInfo): void {
    this.#malformed += 1;
    this.#options.logger.debug({ client: from.address, ...packet }, "malformed TFTP packet");
    if (packet.request) this.#sendError(from, errorCodes.illegalOperation, packet.malformed);
  }

  #accept(asked: Asked): void {
    const { packet, datagram, from } = asked;
    const id = `${from.address}:${from.port}`;
    const earlier = this.#sessions.get(id);
    const startedMs = this.#options.now();
    if (earlier?.request.equals(datagram) && startedMs - earlier.startedMs < sameRequestMs) {
      void this.#onRepeated(earlier, asked);
      return;
    }
    // Some ROMs give up without an ERROR and ask again from the same port. An ERROR to it would end the new transfer.
    earlier?.stop.abort("superseded");
    this.#sessions.delete(id);

    switch (makeRoom(this.#sessions, from.address, this.#limits, startedMs)) {
      case "full-for-client":
        this.#refuse(packet, from, errorCodes.notDefined, "too many transfers, try again");
        return;
      case "full":
        this.#count(packet, from, "refused");
        return;
      case "room":
        this.#begin(asked, id, startedMs);
    }
  }

  #begin(asked: Asked, id: string, startedMs: number): void {
    const { datagram, from } = asked;
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const stop = new AbortController();
    const session: Session = {
      ...{ request: datagram, startedMs, client: from.address, stop, ended, isAsked: false },
    };
    this.#sessions.set(id, session);
    void this.#serve(asked, session).finally(() => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
      resolve();
    });
  }

  /**
   * Either the client's timer was faster than our answer, and the transfer that is under way answers; or that one is over, and
   * the client asks again before the thread's word of it has come.
   */
  async #onRepeated(earlier: Session, asked: Asked): Promise<void> {
    const { sent, isAsked, ended } = earlier;
    if (sent === undefined || isAsked) return;
    earlier.isAsked = true;
    const isOver = await sent.running.isOver();
    earlier.isAsked = false;
    if (!isOver) return;
    await ended;
    if (this.#service === "running") this.#accept(asked);
  }

  /** Never rejects: a transfer that goes wrong is an event, not an end of the service. */
  async #serve(asked: Asked, session: Session): Promise<void> {
    const { packet, name, from } = asked;
    const { address, files, now, logger, onEvent } = this.#options;
    const { signal } = session.stop;
    const client = from.address as Ipv4;
    let file: HeldFile | "full" | undefined;
    try {
      file = await files(name, client);
    } catch (error) {
      const file = this.#shown(name);
      if (!this.#isRepeat(messageOf(error), minuteMs))
        logger.error({ err: error, file, client }, "a boot file could not be read");
      this.#refuse(packet, from, errorCodes.notDefined, "the file cannot be read");
      return;
    }
    if (file === undefined) {
      if (!signal.aborted) this.#refuse(packet, from, errorCodes.fileNotFound, "file not found");
      return;
    }
    if (file === "full") {
      this.#count(packet, from, "refused");
      return;
    }
    const { maxBlksize } = this.#limits;
    const peer = { address: client, port: from.port };
    const order = { request: packet, maxBlksize, source: address, peer };
    const running = signal.aborted ? undefined : this.#transfers?.run(order, file.data, signal);
    if (running !== undefined) session.sent = { atMs: now(), running };
    const result = await running?.result;
    file.release();
    if (result === undefined) return;
    const { end: outcome, bytes, retries } = result;
    const milliseconds = now() - session.startedMs;
    onEvent({ file: this.#shown(name), client, bytes, retries, milliseconds, outcome });
  }

  #shown(name: string): string {
    return this.#options.shown?.(name) ?? name;
  }

  #refuse(packet: RequestPacket, from: RemoteInfo, code: number, message: string): void {
    this.#sendError(from, code, message);
    this.#count(packet, from, code === errorCodes.fileNotFound ? "not-found" : "refused");
  }

  #sendError(from: RemoteInfo, code: number, message: string): void {
    const { logger } = this.#options;
    const datagram = encodePacket({ kind: "ERROR", code, message });
    // With a callback, an address that cannot be sent to (a forged one) is this request's trouble and not the socket's.
    this.#socket?.send(datagram, from.port, from.address, (error) => {
      if (error) logger.debug({ err: error, client: from.address }, "a TFTP ERROR was not sent");
    });
  }

  #count(packet: RequestPacket, from: RemoteInfo, outcome: "not-found" | "refused"): void {
    const { logger, now, onEvent } = this.#options;
    const client = from.address as Ipv4;
    const file = this.#shown(packet.file.slice(0, 255));
    this.#refused += 1;
    logger.debug({ client, file, outcome }, "TFTP request refused");
    if (!this.#mayReport("refusals", now())) return;
    onEvent({ file, client, bytes: 0, retries: 0, milliseconds: 0, outcome });
  }
}
