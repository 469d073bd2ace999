import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { openBoundSocket } from "../../src/dhcp/bound-socket.ts";
import { option } from "../../src/dhcp/options.ts";
import { decodePacket, encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import type { DhcpConfig, DhcpEvent } from "../../src/dhcp/policy.ts";
import { createDhcpServer, inheritedDhcpSocket } from "../../src/dhcp/server.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import { createMemoryLeaseStore } from "../fakes/memory-lease-store.ts";
import { config, ip, policy, request } from "./site.ts";

// On loopback a client can only be reached as a relay: its giaddr is an address of this host.
const ports = { server: 16767, client: 16768 };
const relay = ip("127.77.0.2");
const loopback: DhcpConfig = {
  ...config,
  serverAddress: ip("127.77.0.1"),
  subnets: config.subnets.slice(0, 1).flatMap((subnet) => {
    const cidr = parseCidr("127.77.0.0/24");
    const pool = { start: ip("127.77.0.100"), end: ip("127.77.0.200") };
    return cidr ? [{ ...subnet, cidr, pool }] : [];
  }),
};

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function startServer(
  onEvent: (event: DhcpEvent) => void,
  where: { interface?: string; inheritedFd?: number } = {},
) {
  const errors: string[] = [];
  const server = createDhcpServer({
    interface: "lo",
    ...where,
    config: loopback,
    policy,
    leases: createMemoryLeaseStore(),
    onEvent,
    now: () => 1_000_000,
    logger: {
      warn: (_, message) => errors.push(message),
      error: (_, message) => errors.push(message),
    },
    ports,
  });
  closers.push(() => server.close());
  await server.start();
  return { server, errors };
}

async function relaySocket(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  const listening = once(socket, "listening");
  socket.bind(ports.server, relay);
  await listening;
  closers.push(async () => void socket.close());
  return socket;
}

async function exchange(socket: Socket, packet: Packet) {
  const answered = once(socket, "message");
  socket.send(encodePacket(packet).datagram, ports.server, "127.77.0.1");
  const [datagram, from] = await answered;
  return { packet: decodePacket(datagram), from };
}

it("answers a relayed DISCOVER to giaddr, from its own address and the server port", async () => {
  const events: DhcpEvent[] = [];
  const { server, errors } = await startServer((event) => events.push(event));
  expect(server.state()).toBe("running");
  const socket = await relaySocket();
  const { packet, from } = await exchange(socket, request("DISCOVER", { giaddr: relay }));
  expect(packet).toMatchObject({ yiaddr: "127.77.0.100" });
  expect(from).toMatchObject({ address: "127.77.0.1", port: ports.server });
  expect(events).toMatchObject([{ kind: "dhcp-offered", address: "127.77.0.100" }]);
  await server.close();
  expect([server.state(), errors]).toEqual(["stopped", []]);
});

it("answers through a socket it was handed, which is the only one it then has", async () => {
  const socket = await openBoundSocket("lo", ports.server);
  if ("unavailable" in socket) throw new Error(socket.unavailable);
  await startServer(() => {}, { inheritedFd: socket.fd });
  const { packet, from } = await exchange(
    await relaySocket(),
    request("DISCOVER", { giaddr: relay }),
  );
  expect(packet).toMatchObject({ yiaddr: "127.77.0.100" });
  expect(from).toMatchObject({ port: ports.server });
});

it("reports what it cannot read and goes on, even when a listener fails", async () => {
  const events: DhcpEvent[] = [];
  const { errors } = await startServer((event) => {
    events.push(event);
    if (event.mac === undefined) throw new Error("the listener's own fault");
  });
  const socket = await relaySocket();
  socket.send(Buffer.from("nonsense"), ports.server, "127.77.0.1");
  await exchange(socket, request("DISCOVER", { giaddr: relay }));
  expect(events[0]).toEqual({
    kind: "dhcp-ignored",
    mac: undefined,
    reason: "malformed at octet 8: 8 octets are too few",
    facts: {},
  });
  expect(errors).toEqual(["DHCP request could not be answered"]);
});

it("outlives an answer that cannot be delivered", async () => {
  const { server, errors } = await startServer(() => {});
  const socket = await relaySocket();
  // Loopback has no way to broadcast.
  const options = { [option.requestedAddress]: Buffer.of(127, 77, 0, 150) };
  socket.send(encodePacket(request("DISCOVER", { options })).datagram, ports.server, "127.77.0.1");
  await exchange(socket, request("DISCOVER", { giaddr: relay }));
  expect(server.state()).toBe("running");
  expect(errors.every((message) => message === "DHCP answer could not be sent")).toBe(true);
});

it("refuses to start beside another server on the same interface and port", async () => {
  await startServer(() => {});
  await expect(startServer(() => {})).rejects.toThrow(
    "cannot bind 0.0.0.0:16767 on lo: EADDRINUSE",
  );
});

it("names an interface that does not exist", async () => {
  await expect(startServer(() => {}, { interface: "nosuch0" })).rejects.toThrow(
    "cannot bind to interface nosuch0: ENODEV",
  );
});

it.each([
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, 3],
  [{ LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "tftp:dhcp" }, 4],
  [{ LISTEN_PID: "8", LISTEN_FDS: "1", LISTEN_FDNAMES: "dhcp" }, undefined],
  [{ LISTEN_PID: "7", LISTEN_FDS: "1", LISTEN_FDNAMES: "tftp" }, undefined],
  [{ LISTEN_PID: "7", LISTEN_FDS: "0", LISTEN_FDNAMES: "dhcp" }, undefined],
  [{}, undefined],
])("finds the socket systemd passed in %j at %s", (env, fd) => {
  expect(inheritedDhcpSocket(env, 7)).toBe(fd);
});
