// The socket that hears requests: bound here, or taken over from somebody who has bound it.

import { type BindOptions, createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";

// A rack that is switched on asks in one moment. The system may grant less.
const receiveBufferBytes = 4 * 1024 * 1024;

/** Rejects, saying why, when the address or port cannot be had. */
export function openTftpSocket(address: Ipv4, port: number): Promise<Socket> {
  return bound({ address, port });
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
    socket.setRecvBufferSize(receiveBufferBytes);
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
