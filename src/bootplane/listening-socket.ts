// Opens the boot plane's TCP port with a bound on what the kernel queues for a client, which Node has no function for.

import type { Ipv4 } from "../net/ipv4.ts";
import { afInet, type Libc, sockCloexec, socketAddress } from "../net/libc.ts";

// Linux: asm-generic/socket.h.
const sockStream = 1;
const solSocket = 1;
const soReuseAddr = 2;
const soSndbuf = 7;
// The kernel doubles it, after a cap by net.core.wmem_max: 416 KiB by default, enough for 10 Gbit/s within a building.
const sendBufferBytes = 256 * 1024;

/**
 * A TCP socket bound to the address, to be listened on; the caller owns the descriptor. Port 0 takes a free one. Every
 * connection inherits its send buffer. Left alone, the kernel queues up to 4 MiB for each: these have left the
 * processor's cache when they are sent, which nearly doubles the time, and are memory for each client that stops reading.
 * Throws with the name of the system's error, such as EADDRINUSE.
 */
export function openListeningSocket(libc: Libc, address: Ipv4, port: number): number {
  const check = (result: number): number => {
    if (result < 0) throw new Error(libc.lastError());
    return result;
  };
  const fd = check(libc.socket(afInet, sockStream | sockCloexec, 0));
  const set = (name: number, value: number) => {
    const octets = Buffer.alloc(4);
    octets.writeUInt32LE(value);
    check(libc.setsockopt(fd, solSocket, name, octets, octets.length));
  };
  try {
    set(soReuseAddr, 1);
    set(soSndbuf, sendBufferBytes);
    const where = socketAddress(address, port);
    check(libc.bind(fd, where, where.length));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Lets the kernel keep a whole rack's connections until they are accepted: `count` of them, or net.core.somaxconn where that is
 * less (4096 by default). Node asks for 511, and whoever comes then tries again a second later (RFC 6298 §2.1). To be called when
 * Node listens; its own setting is for ports that it opens itself.
 */
export function widenAcceptQueue(libc: Libc, fd: number, count: number): void {
  if (libc.listen(fd, count) < 0) throw new Error(libc.lastError());
}
