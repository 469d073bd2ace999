// The TFTP service: read requests on port 69, then one socket of its own for each transfer (RFC 1350 §4).
// This file holds the listening socket, session.ts those of the transfers. What a name stands for is asked of `files`; nothing is ever written.

import { type BindOptions, createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Logger } from "pino";
import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { cleanFileName } from "./file-name.ts";
import { decodePacket, encodePacket, errorCodes, type RequestPacket } from "./packet.ts";
import { runTransfer, type TransferEnd } from "./session.ts";
import { createTransfer } from "./transfer.ts";

/** One read request, when it is over. `bytes` is what the client acknowledged. */
export interface TftpEvent {
  readonly file: string;
  readonly client: Ipv4;
  readonly bytes: number;
  readonly retries: number;
  readonly milliseconds: number;
  readonly outcome: TransferEnd | "not-found" | "refused";
}

export interface TftpServerOptions {
  /** Also the source address of every transfer, so that a host with several interfaces answers from the one that was asked. */
  readonly address: Ipv4;
  readonly port?: number;
  /** The listening socket, when somebody else has bound it. */
  readonly socket?: Socket;
  /** The file of that cleaned name, or undefined when there is none for this client. */
  readonly files: (name: string, client: Ipv4) => Promise<Buffer | undefined>;
  readonly onEvent: (event: TftpEvent) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly limits?: Partial<TftpLimits>;
}

interface TftpLimits {
  readonly transfers: number;
  readonly transfersPerClient: number;
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
  transfers: 256,
  transfersPerClient: 8,
  refusalEventsPerSecond: 20,
};

export function createTftpServer(options: TftpServerOptions): TftpServer {
  return new Server(options);
}

/** A socket that somebody else has bound, and its address. */
export async function adoptTftpSocket(fd: number): Promise<{ address: string; socket: Socket }> {
  const socket = await bound({ fd });
  return { address: socket.address().address, socket };
}

async function bound(where: BindOptions): Promise<Socket> {
  const socket = createSocket("udp4");
  try {
    // A descriptor is listened to before bind returns.
    const listening = once(socket, "listening");
    socket.bind(where);
    await listening;
    return socket;
  } catch (error) {
    socket.close();
    throw new Error(`TFTP can't have port ${where.port} of ${where.address}: ${explain(error)}`, {
      cause: error,
    });
  }
}

function explain(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EACCES")
    return `${code}: give the process CAP_NET_BIND_SERVICE, or pass the socket in`;
  if (code === "EADDRINUSE") return `${code}: stop the program that has it`;
  return messageOf(error);
}

/** A request that is being served. `request` tells a repeated datagram from a client that started anew. */
interface Session {
  readonly request: Buffer;
  readonly client: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

class Server implements TftpServer {
  readonly #options: TftpServerOptions;
  readonly #limits: TftpLimits;
  /** By the client's address and port, its half of the transfer id. */
  readonly #sessions = new Map<string, Session>();
  #socket: Socket | undefined;
  #service: TftpState["service"] = "stopped";
  #malformed = 0;
  #refused = 0;
  #refusalWindow = { startMs: 0, reported: 0 };

  constructor(options: TftpServerOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
  }

  async start(): Promise<number> {
    const { address, port = 69, logger } = this.#options;
    const socket = this.#options.socket ?? (await bound({ address, port }));
    socket.on("error", (error) => {
      this.#service = "failed";
      logger.error({ err: error }, "the TFTP socket failed");
    });
    socket.on("message", (datagram, from) => this.#onDatagram(datagram, from));
    this.#socket = socket;
    this.#service = "running";
    return socket.address().port;
  }

  async close(): Promise<void> {
    this.#service = "stopped";
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
    const running = [...this.#sessions.values()];
    for (const session of running) session.stop.abort();
    await Promise.all(running.map((session) => session.ended));
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
      this.#malformed += 1;
      this.#options.logger.debug({ client: from.address, ...packet }, "malformed TFTP packet");
      return;
    }
    // Anything else belongs to a transfer's own port. Answering it here could start an endless exchange of errors.
    if (packet.kind !== "RRQ" && packet.kind !== "WRQ") return;
    const refusal = this.#judge(packet);
    if (typeof refusal !== "string") {
      this.#refuse(packet, from, refusal.code, refusal.message);
      return;
    }
    this.#accept({ packet, name: refusal, datagram, from });
  }

  /** The cleaned name of a request that may be served, or the ERROR it gets. */
  #judge(packet: RequestPacket): string | { code: number; message: string } {
    if (packet.kind === "WRQ")
      return { code: errorCodes.accessViolation, message: "this server is read-only" };
    if (packet.mode !== "octet" && packet.mode !== "netascii")
      return { code: errorCodes.illegalOperation, message: "mode must be octet or netascii" };
    const name = cleanFileName(packet.file);
    return name ?? { code: errorCodes.accessViolation, message: "this name is not served" };
  }

  #accept(asked: { packet: RequestPacket; name: string; datagram: Buffer; from: RemoteInfo }) {
    const { packet, datagram, from } = asked;
    const id = `${from.address}:${from.port}`;
    const earlier = this.#sessions.get(id);
    // The client's timer was faster than our answer; the transfer that is under way answers.
    if (earlier?.request.equals(datagram)) return;
    // Some ROMs give up without an ERROR and ask again from the same port.
    earlier?.stop.abort();

    const sessions = [...this.#sessions.values()];
    const ofClient = sessions.filter((session) => session.client === from.address).length;
    if (sessions.length >= this.#limits.transfers || ofClient >= this.#limits.transfersPerClient) {
      this.#refuse(packet, from, errorCodes.notDefined, "too many transfers, try again");
      return;
    }
    const stop = new AbortController();
    const ended = this.#serve(asked, stop.signal).finally(() => {
      if (this.#sessions.get(id) === session) this.#sessions.delete(id);
    });
    const session: Session = { request: datagram, client: from.address, stop, ended };
    this.#sessions.set(id, session);
  }

  /** Never rejects: a transfer that goes wrong is an event, not an end of the service. */
  async #serve(
    asked: { packet: RequestPacket; name: string; from: RemoteInfo },
    signal: AbortSignal,
  ): Promise<void> {
    const { packet, name, from } = asked;
    const { address, files, now, logger, onEvent } = this.#options;
    const client = from.address as Ipv4;
    const startedMs = now();
    let data: Buffer | undefined;
    try {
      data = await files(name, client);
    } catch (error) {
      logger.error({ err: error, file: name, client }, "a boot file could not be read");
      this.#refuse(packet, from, errorCodes.notDefined, "the file cannot be read");
      return;
    }
    if (signal.aborted) return;
    if (data === undefined) {
      this.#refuse(packet, from, errorCodes.fileNotFound, "file not found");
      return;
    }
    const transfer = createTransfer(packet, data);
    const outcome = await runTransfer({ transfer, address, peer: from, now, logger, signal });
    const { bytes, retries } = transfer;
    onEvent({ file: name, client, bytes, retries, milliseconds: now() - startedMs, outcome });
  }

  #refuse(packet: RequestPacket, from: RemoteInfo, code: number, message: string): void {
    const { logger, now, onEvent } = this.#options;
    const client = from.address as Ipv4;
    const file = packet.file.slice(0, 255);
    this.#refused += 1;
    logger.debug({ client, file, code, why: message }, "TFTP request refused");
    const datagram = encodePacket({ kind: "ERROR", code, message });
    // With a callback, an address that cannot be sent to (a forged one) is this request's trouble and not the socket's.
    this.#socket?.send(datagram, from.port, from.address, (error) => {
      if (error) logger.debug({ err: error, client }, "a TFTP refusal could not be sent");
    });
    if (!this.#mayReport(now())) return;
    const outcome = code === errorCodes.fileNotFound ? "not-found" : "refused";
    onEvent({ file, client, bytes: 0, retries: 0, milliseconds: 0, outcome });
  }

  #mayReport(nowMs: number): boolean {
    if (nowMs - this.#refusalWindow.startMs >= 1_000)
      this.#refusalWindow = { startMs: nowMs, reported: 0 };
    this.#refusalWindow.reported += 1;
    return this.#refusalWindow.reported <= this.#limits.refusalEventsPerSecond;
  }
}
