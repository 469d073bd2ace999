// The DHCP server's sockets: receives datagrams, has them decided, sends the answers. No protocol rule lives here.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { anyAddress } from "../net/ipv4.ts";
import { openBoundSocket } from "./bound-socket.ts";
import { createLeaseBook, type LeaseStore } from "./leases.ts";
import { formatOption } from "./options.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { DhcpConfig, DhcpEvent, DhcpPolicy } from "./policy.ts";
import { type Reply, respond } from "./respond.ts";

/** The part of a pino logger used here. */
interface DhcpLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface DhcpServerOptions {
  /** The one interface to serve; requests on others are not heard. */
  readonly interface: string;
  readonly config: DhcpConfig;
  readonly policy: DhcpPolicy;
  readonly leases: LeaseStore;
  readonly onEvent: (event: DhcpEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: DhcpLogger;
  /** A socket that systemd has bound (see inheritedDhcpSocket). */
  readonly inheritedFd?: number;
  readonly ports?: { readonly server: number; readonly client: number };
}

export interface DhcpServer {
  /** Resolves when requests are heard; throws with a remedy when the interface cannot be served alone. */
  start(): Promise<void>;
  close(): Promise<void>;
  state(): "running" | "stopped";
}

const registeredPorts = { server: 67, client: 68 };
const firstInheritedFd = 3;

/**
 * The descriptor of the socket a systemd `.socket` unit passes under the name `dhcp` (`FileDescriptorName=dhcp`,
 * `ListenDatagram=0.0.0.0:67`, `BindToDevice=`, `Broadcast=yes`), or undefined. `env` and `pid` are the process's own;
 * protocol: sd_listen_fds(3).
 */
export function inheritedDhcpSocket(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  if (env["LISTEN_PID"] !== String(pid)) return undefined;
  const index = (env["LISTEN_FDNAMES"] ?? "").split(":").indexOf("dhcp");
  const passed = Number(env["LISTEN_FDS"] ?? 0);
  return index >= 0 && index < passed ? firstInheritedFd + index : undefined;
}

export function createDhcpServer(options: DhcpServerOptions): DhcpServer {
  const { config, onEvent, now, logger, ports = registeredPorts } = options;
  const book = createLeaseBook(options.leases, options.policy);
  let sockets: Socket[] = [];

  function send(reply: Reply): void {
    const { datagram, leftOut } = encodePacket(reply.packet, reply.maxBytes);
    const { address, port } = reply.destination;
    if (leftOut.length > 0)
      logger.warn({ address, leftOut: leftOut.map(formatOption) }, "DHCP options had no room");
    // The last socket is the one bound to the server's own address: from 0.0.0.0 a broadcast has no route.
    sockets.at(-1)?.send(datagram, ports[port], address, (error) => {
      if (error) logger.warn({ err: error, address }, "DHCP answer could not be sent");
    });
  }

  function receive(datagram: Buffer): void {
    // One datagram must not end the service: what fails here, fails for this request alone.
    try {
      const packet = decodePacket(datagram);
      if ("malformed" in packet) {
        const reason = `malformed at octet ${packet.offset}: ${packet.malformed}`;
        onEvent({ kind: "dhcp-ignored", mac: undefined, reason, facts: {} });
        return;
      }
      const { event, reply } = respond(packet, config, book, now());
      if (reply !== undefined) send(reply);
      onEvent(event);
    } catch (error) {
      logger.error({ err: error }, "DHCP request could not be answered");
    }
  }

  return {
    async start() {
      sockets = await openSockets(options, ports.server);
      for (const socket of sockets) {
        socket.on("message", receive);
        socket.on("error", (error) => logger.error({ err: error }, "DHCP socket error"));
      }
    },
    async close() {
      const closing = sockets;
      sockets = [];
      await Promise.all(closing.map(closed));
    },
    state: () => (sockets.length > 0 ? "running" : "stopped"),
  };
}

/** One socket for broadcasts, and one on the server's own address, which relays and renewing clients write to and all answers come from. */
async function openSockets(options: DhcpServerOptions, port: number): Promise<Socket[]> {
  const { interface: device, config, inheritedFd } = options;
  // An inherited socket does both: port 67 is not this process's to bind again.
  if (inheritedFd !== undefined) return [await opened({ fd: inheritedFd })];
  const bound = await openBoundSocket(device, port);
  if ("unavailable" in bound) refuseOtherInterfaces(device, bound.unavailable);
  const everywhere = await opened("fd" in bound ? bound : { port, address: anyAddress });
  try {
    return [everywhere, await opened({ port, address: config.serverAddress })];
  } catch (error) {
    await closed(everywhere);
    throw new Error(`${config.serverAddress}:${port} cannot be bound; is it set on ${device}?`, {
      cause: error,
    });
  }
}

function refuseOtherInterfaces(device: string, why: string): void {
  const others = Object.entries(networkInterfaces())
    .filter(([name, entries]) => name !== device && entries?.some(({ internal }) => !internal))
    .map(([name]) => name);
  if (others.length > 0)
    throw new Error(
      `DHCP cannot be bound to ${device} alone (koffi: ${why}) and would also answer on ${others.join(", ")}: ` +
        `pass a socket from a systemd .socket unit with BindToDevice=${device}`,
    );
}

async function opened(where: { fd: number } | { port: number; address: string }): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  try {
    // Asked for first, because binding a descriptor is done at once; once() rejects when the socket reports an error.
    const listening = once(socket, "listening");
    socket.bind(where);
    await listening;
    socket.setBroadcast(true);
    return socket;
  } catch (error) {
    await closed(socket);
    throw error;
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.close(() => resolve());
  });
}
