// The one UDP socket that all BMCs are spoken to through: a socket for each of a thousand would be as many open files.

import { createSocket, type Socket } from "node:dgram";
import type { Ipv4 } from "../../net/ipv4.ts";
import type { Transport } from "./link.ts";

export interface UdpPeers {
  /** A transport to one BMC; several to the same BMC all hear what it sends. */
  connect(address: Ipv4, port: number, receive: (datagram: Buffer) => void): Transport;
  /** Closes the socket. A later `connect` opens another. */
  close(): void;
}

// All of a rack may answer in the same moment.
const receiveBufferBytes = 4 * 1024 * 1024;

export function createUdpPeers(): UdpPeers {
  const receivers = new Map<string, Set<(datagram: Buffer) => void>>();
  let socket: Socket | undefined;

  const open = () => {
    const opened = createSocket({ type: "udp4", recvBufferSize: receiveBufferBytes });
    opened.on("message", (datagram, from) => {
      for (const receive of receivers.get(`${from.address}:${from.port}`) ?? []) receive(datagram);
    });
    // What can't be sent is as lost as what the network drops: who asked hears no answer.
    opened.on("error", () => {
      if (socket === opened) socket = undefined;
      opened.close();
    });
    opened.unref();
    return opened;
  };

  return {
    connect: (address, port, receive) => {
      const key = `${address}:${port}`;
      const others = receivers.get(key) ?? new Set();
      receivers.set(key, others.add(receive));
      return {
        send: (datagram) => {
          socket ??= open();
          socket.send(datagram, port, address, () => undefined);
        },
        close: () => {
          others.delete(receive);
          if (others.size === 0) receivers.delete(key);
        },
      };
    },
    close: () => {
      socket?.close();
      socket = undefined;
    },
  };
}
