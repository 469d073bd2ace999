// The sockets of a DHCP server: for each interface one for requests, one for PXE's port 4011, and one that overhears what other
// servers answer.

import { messageOf } from "../net/error-text.ts";
import type { Libc } from "../net/libc.ts";
import type { Conversation } from "./conversation.ts";
import { clientPort, pxePort, serverPort } from "./destination.ts";
import type { DhcpInterface } from "./policy.ts";
import { adoptUdpSocket, deviceOf, openUdpSocket, type UdpSocket } from "./udp-socket.ts";

export interface Listener {
  readonly receiver: DhcpInterface;
  readonly port: Conversation["port"] | "client";
  readonly socket: UdpSocket;
}

/** What listening takes. */
export interface ListenOptions {
  readonly interfaces: readonly DhcpInterface[];
  /** Sockets for port 67 that somebody else has bound, one for each interface, with SO_BINDTODEVICE. */
  readonly inheritedFds: readonly number[];
  readonly onWarning: (message: string) => void;
}

// Under load the wait for the disk is shared by all that came in meanwhile.
const batch = 2048;
const smallBatch = 16;

/** Opens all of them, or none: throws with a remedy when one can't be had. */
export function openListeners(libc: Libc, options: ListenOptions): Listener[] {
  const { interfaces, inheritedFds, onWarning } = options;
  const inherited = new Map(inheritedFds.map((fd) => [deviceOf(libc, fd), fd]));
  if (inherited.has(""))
    throw new Error(
      "the DHCP socket that was passed in hears every interface: set BindToDevice= in its .socket unit",
    );
  const listeners: Listener[] = [];
  try {
    for (const receiver of interfaces) {
      const { name: device, address: source } = receiver;
      const fd = inherited.get(device);
      const socket =
        fd === undefined
          ? openUdpSocket(libc, { device, port: serverPort, source, batch })
          : adoptUdpSocket(libc, fd, source, batch);
      listeners.push({ receiver, port: "dhcp", socket });
      listeners.push({
        receiver,
        port: "pxe",
        socket: openUdpSocket(libc, { device, port: pxePort, source, batch: smallBatch }),
      });
      const overheard = openClientPort(libc, receiver, onWarning);
      if (overheard !== undefined) listeners.push(overheard);
    }
    return listeners;
  } catch (error) {
    for (const { socket } of listeners) socket.close();
    throw error;
  }
}

/** The port that other servers answer to. Shared with a DHCP client of this host, and done without where it can't be had. */
function openClientPort(
  libc: Libc,
  receiver: DhcpInterface,
  onWarning: (message: string) => void,
): Listener | undefined {
  const { name: device, address: source } = receiver;
  try {
    const socket = openUdpSocket(libc, {
      device,
      port: clientPort,
      source,
      batch: smallBatch,
      shared: true,
    });
    return { receiver, port: "client", socket };
  } catch (error) {
    onWarning(`other DHCP servers on ${device} can't be noticed: ${messageOf(error)}`);
    return undefined;
  }
}

// poll(2): struct pollfd is the descriptor, the events asked for and the events found.
const pollIn = 1;
const pollfdBytes = 8;

/** A function that waits at most `ms` milliseconds and returns the listeners that have something to read. */
export function createWait(libc: Libc, listeners: readonly Listener[]): (ms: number) => Listener[] {
  const fds = Buffer.alloc(listeners.length * pollfdBytes);
  for (const [i, { socket }] of listeners.entries()) {
    fds.writeInt32LE(socket.fd, i * pollfdBytes);
    fds.writeInt16LE(pollIn, i * pollfdBytes + 4);
  }
  return (ms) => {
    if (libc.poll(fds, listeners.length, ms) <= 0) return [];
    return listeners.filter((_, i) => fds.readInt16LE(i * pollfdBytes + 6) !== 0);
  };
}
