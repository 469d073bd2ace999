// A TFTP client that sends what a test tells it to, octet by octet, and hands out what comes back.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { decodePacket, encodePacket, type TftpPacket } from "../../src/tftp/packet.ts";

export interface Reply {
  readonly packet: TftpPacket;
  readonly address: string;
  readonly port: number;
}

export interface RawClient {
  readonly port: number;
  /** To the server's port 69, or to that of a transfer. */
  send(packet: TftpPacket | Buffer, port?: number): void;
  /** The next reply; rejects when none comes in `withinMs`, 3 s unless told otherwise. */
  next(withinMs?: number): Promise<Reply>;
  /** Everything that comes until nothing has come for `quietMs`. */
  all(quietMs?: number): Promise<Reply[]>;
  close(): void;
}

/** A client on `address`, at a port of the system's choice or at `port`, of the server at `server`. */
export async function openClient(
  server: { readonly address: string; readonly port: number },
  address: string,
  port = 0,
): Promise<RawClient> {
  const socket = createSocket("udp4");
  socket.bind(port, address);
  await once(socket, "listening");
  const waiting = collect(socket);
  const next = async (withinMs = 3_000): Promise<Reply> => {
    const reply = await waiting(withinMs);
    if (reply === undefined) throw new Error(`no reply in ${withinMs} ms`);
    return reply;
  };
  return {
    port: socket.address().port,
    send: (packet, to = server.port) => {
      socket.send(Buffer.isBuffer(packet) ? packet : encodePacket(packet), to, server.address);
    },
    next,
    all: async (quietMs = 300) => {
      const replies: Reply[] = [];
      for (;;) {
        const reply = await waiting(quietMs);
        if (reply === undefined) return replies;
        replies.push(reply);
      }
    },
    close: () => socket.close(),
  };
}

/** Returns a function that resolves to the next datagram; to undefined when none comes in time. */
function collect(socket: Socket): (withinMs: number) => Promise<Reply | undefined> {
  const replies: Reply[] = [];
  let wake: (() => void) | undefined;
  socket.on("message", (datagram, { address, port }) => {
    const packet = decodePacket(datagram);
    if ("malformed" in packet) throw new Error(`the server sent ${datagram.toString("hex")}`);
    replies.push({ packet, address, port });
    wake?.();
  });
  return async (withinMs) => {
    if (replies.length === 0) {
      const timer = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        pause(withinMs, undefined, { signal: timer.signal }).catch(() => undefined),
      ]);
      timer.abort();
    }
    return replies.shift();
  };
}
