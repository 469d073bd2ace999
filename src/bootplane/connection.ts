// Takes a client's connection away from Node's HTTP server, so that another thread can send on it, and closes it at the end.

import type { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Libc } from "../net/libc.ts";

// linux/fcntl.h: a copy that programs which we start don't inherit.
const duplicateCloseOnExec = 1030;
// asm-generic/socket.h; SO_LINGER with 0 seconds: what is queued is thrown away, and the client is told that it broke.
const solSocket = 1;
const soLinger = 13;
const reset = Buffer.of(1, 0, 0, 0, 0, 0, 0, 0);
const lingerMs = 5_000;

/**
 * Sends the response's head when its turn has come, and returns a descriptor of its connection, which Node then knows no more of;
 * the caller closes it. Undefined when the client has gone. Throws when there is no descriptor to be had.
 */
export async function takeConnection(
  libc: Libc,
  response: ServerResponse,
  socket: Socket,
): Promise<number | undefined> {
  response.flushHeaders();
  const gone = new Promise((resolve) => socket.once("close", resolve));
  // It waits behind another answer of its connection.
  if (response.socket === null && !socket.destroyed)
    await Promise.race([gone, new Promise((resolve) => response.once("socket", resolve))]);
  if (socket.writableLength > 0)
    await Promise.race([gone, new Promise((resolve) => socket.write("", resolve))]);
  if (socket.destroyed) return undefined;
  const own = libc.fcntl(descriptorOf(socket), duplicateCloseOnExec, 0);
  if (own < 0) throw new Error(`no descriptor for a download: ${libc.lastError()}`);
  // Closes Node's descriptor; the connection lives as long as ours.
  socket.destroy();
  return own;
}

function descriptorOf(socket: Socket): number {
  // Node has no public name for it.
  const { _handle: handle } = socket as { readonly _handle?: { readonly fd?: number } };
  if (handle?.fd === undefined)
    throw new Error(
      `Node ${process.version} does not tell a connection's descriptor: run the version that this release was tested with`,
    );
  return handle.fd;
}

/**
 * Closes a connection on which all was sent. What the client says meanwhile is read and thrown away: to close a connection with
 * unread octets resets it, which may cost the client the end of what it was sent (RFC 9112 §9.6). Resolves when it is closed.
 */
export function closeConnection(fd: number): Promise<void> {
  const socket = new Socket({ fd, readable: true, writable: true });
  const limit = setTimeout(() => socket.destroy(), lingerMs).unref();
  return new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearTimeout(limit);
      resolve();
    });
    socket.unref().resume().end();
  });
}

/** Closes a connection on which not all was sent. The client hears of it, and the kernel keeps nothing of what was queued. */
export function breakConnection(libc: Libc, fd: number): void {
  libc.setsockopt(fd, solSocket, soLinger, reset, reset.length);
  libc.close(fd);
}
