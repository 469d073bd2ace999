// The DHCP server's sockets and its loop: waits for datagrams, has them decided together, sends the answers. The waiting blocks
// the thread it runs on. No protocol rule lives here.

import { readFileSync } from "node:fs";
import { cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { broadcastAddress } from "../net/ipv4.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { type AddressProbe, openAddressProbe, type ProbeInterface } from "./address-probe.ts";
import { clientPort, pxePort, serverPort } from "./destination.ts";
import { type Answer, createEngine, type DhcpEngine, type Request } from "./engine.ts";
import { foreignServer, temptation } from "./foreign-servers.ts";
import type { Lease, LeaseJournal } from "./lease-table.ts";
import { type Libc, loadLibc } from "./libc.ts";
import type { DhcpConfig, DhcpEvent, DhcpInterface, DhcpPolicy } from "./policy.ts";
import { adoptUdpSocket, deviceOf, openUdpSocket, type UdpSocket } from "./udp-socket.ts";

export interface DhcpServerOptions {
  readonly config: DhcpConfig;
  readonly policy: DhcpPolicy;
  readonly journal: LeaseJournal;
  readonly onEvent: (event: DhcpEvent) => void;
  /** What an operator should read once: a right that is missing, an answer that could not be sent. */
  readonly onWarning: (message: string) => void;
  /** Sockets for port 67 that somebody else has bound, one for each interface (see inheritedDhcpSockets). */
  readonly inheritedFds: readonly number[];
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

export interface DhcpServer {
  /** Waits at most a tenth of a second for requests and answers them. */
  turn(): void;
  /** Every lease there is, ended ones too. */
  leases(): Iterable<Lease>;
  close(): void;
}

const firstInheritedFd = 3;
// Under load the wait for the disk is shared by all that came in meanwhile.
const batch = 2048;
const smallBatch = 16;
const pollMs = 100;
const tickMs = 50;
const temptMs = 60_000;
/** How long a server that is there already has to show itself before this one starts. */
const foreignWaitMs = 700;

/**
 * The descriptors of the sockets that a systemd `.socket` unit passes under the name `dhcp` (`FileDescriptorName=dhcp`,
 * `ListenDatagram=0.0.0.0:67`, `BindToDevice=`, `Broadcast=yes`; one unit or line for each interface). `env` and `pid` are
 * the process's own; protocol: sd_listen_fds(3).
 */
export function inheritedDhcpSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): number[] {
  if (env["LISTEN_PID"] !== String(pid)) return [];
  const passed = Number(env["LISTEN_FDS"] ?? 0);
  const names = (env["LISTEN_FDNAMES"] ?? "").split(":").slice(0, passed);
  return names.flatMap((name, i) => (name === "dhcp" ? [firstInheritedFd + i] : []));
}

interface Listener {
  readonly receiver: DhcpInterface;
  readonly port: Request["port"] | "client";
  readonly socket: UdpSocket;
}

/** Opens the sockets of every interface; rejects with a remedy when one can't be served. */
export async function openDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const libc = await loadLibc();
  const { config, onWarning } = options;
  const hardware = new Map(config.interfaces.map(({ name }) => [name, hardwareOf(name)]));
  const listeners = openListeners(libc, options);
  const probe = config.conflictProbe ? openAddressProbe(libc) : undefined;
  if (probe?.limits !== undefined) onWarning(probe.limits);
  const close = () => {
    for (const { socket } of listeners) socket.close();
    probe?.close();
  };
  try {
    const ownMacs = new Set([...hardware.values()].map(({ mac }) => mac));
    const engine = createEngine({ ...options, ownMacs }, options.now());
    const watch = createWatch(options, listeners, hardware);
    if (!config.allowSecondServer) refuseSecondServer(libc, listeners, watch, options.now);
    const turn = createTurn({ libc, options, listeners, engine, watch, probe, hardware });
    return { turn, leases: () => engine.leases(), close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Parts {
  readonly libc: Libc;
  readonly options: DhcpServerOptions;
  readonly listeners: readonly Listener[];
  readonly engine: DhcpEngine;
  readonly watch: Watch;
  readonly probe: AddressProbe | undefined;
  readonly hardware: ReadonlyMap<string, ProbeInterface>;
}

function createTurn(parts: Parts): () => void {
  const { libc, options, listeners, engine, watch, probe } = parts;
  const wait = createWait(libc, listeners);
  let lastTickMs = 0;
  const send = (answers: readonly Answer[]) => sendAnswers(answers, listeners, options.onWarning);
  return () => {
    const requests: Request[] = [];
    for (const { receiver, port, socket } of wait(engine.isWaiting() ? tickMs : pollMs))
      for (const { datagram, address, port: from } of socket.receive())
        if (port === "client") watch.hear(receiver, datagram, address);
        else requests.push({ datagram, receiver, port, source: { address, port: from } });
    const nowMs = options.now();
    if (requests.length > 0) send(engine.receive(requests, nowMs));
    if (nowMs - lastTickMs < tickMs && requests.length > 0 && !engine.isWaiting()) return;
    lastTickMs = nowMs;
    for (const address of probe?.answered() ?? []) engine.addressAnswered(address, nowMs);
    send(engine.tick(nowMs));
    if (probe !== undefined) askForAddresses(parts, probe);
    watch.tick(nowMs);
  };
}

function askForAddresses({ engine, options, hardware }: Parts, probe: AddressProbe): void {
  const addresses = engine.takeProbes();
  if (addresses.length === 0) return;
  // What was heard of an address before it is asked for is too old; what answers an earlier question is not.
  for (const address of probe.answered())
    if (!addresses.includes(address)) engine.addressAnswered(address, options.now());
  for (const address of addresses) {
    const subnet = options.config.subnets.find(({ cidr }) => cidrContains(cidr, address));
    const attached = subnet?.interface === undefined ? undefined : hardware.get(subnet.interface);
    probe.ask(address, attached);
  }
}

function sendAnswers(
  answers: readonly Answer[],
  listeners: readonly Listener[],
  onWarning: (message: string) => void,
): void {
  if (answers.length === 0) return;
  for (const { receiver, port, socket } of listeners) {
    const own = answers.filter((answer) => answer.receiver === receiver && answer.port === port);
    if (own.length === 0) continue;
    socket.send(
      own.map(({ datagram, address, toPort }) => ({ datagram, address, port: toPort })),
      (to, error) =>
        onWarning(`an answer to ${to} by ${receiver.name} could not be sent: ${error}`),
    );
  }
}

// poll(2): struct pollfd is the descriptor, the events asked for and the events found.
const pollIn = 1;
const pollfdBytes = 8;

function createWait(libc: Libc, listeners: readonly Listener[]): (ms: number) => Listener[] {
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

function openListeners(libc: Libc, options: DhcpServerOptions): Listener[] {
  const { config, inheritedFds, onWarning } = options;
  const inherited = new Map(inheritedFds.map((fd) => [deviceOf(libc, fd), fd]));
  if (inherited.has(""))
    throw new Error(
      "the DHCP socket that was passed in hears every interface: set BindToDevice= in its .socket unit",
    );
  const listeners: Listener[] = [];
  try {
    for (const receiver of config.interfaces) {
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
    onWarning(`other DHCP servers on ${device} can't be noticed: ${String(error)}`);
    return undefined;
  }
}

interface Watch {
  hear(receiver: DhcpInterface, datagram: Buffer, sender: Ipv4): void;
  /** Tempts other servers once a minute. */
  tick(nowMs: number): void;
  /** The first one that was heard. */
  heard(): { readonly server: Ipv4; readonly receiver: DhcpInterface } | undefined;
}

function createWatch(
  { config, onEvent, now }: DhcpServerOptions,
  listeners: readonly Listener[],
  hardware: ReadonlyMap<string, ProbeInterface>,
): Watch {
  const ours = new Set(config.interfaces.map(({ address }) => address));
  // Beside a proxy another server is no stranger: it gives the addresses.
  const expected = new Set(
    config.subnets.filter(({ mode }) => mode !== "authoritative").map((subnet) => subnet.interface),
  );
  let temptedMs = Number.NEGATIVE_INFINITY;
  const toldMs = new Map<Ipv4, number>();
  let first: ReturnType<Watch["heard"]>;
  return {
    hear(receiver, datagram, sender) {
      const server = foreignServer(datagram, sender, ours);
      if (server === undefined || expected.has(receiver.name)) return;
      first ??= { server, receiver };
      if (now() - (toldMs.get(server) ?? Number.NEGATIVE_INFINITY) < temptMs) return;
      // Whoever makes up servers does not fill the memory.
      if (toldMs.size > 256) toldMs.clear();
      toldMs.set(server, now());
      const reason = `another DHCP server, ${server}, answers on ${receiver.name}`;
      onEvent({
        ...{ kind: "foreign-dhcp-server", client: undefined, address: server, reason },
        interface: receiver.name,
      });
    },
    tick(nowMs) {
      if (nowMs - temptedMs < temptMs) return;
      temptedMs = nowMs;
      for (const { receiver, port, socket } of listeners) {
        const mac = hardware.get(receiver.name)?.mac;
        if (port !== "client" || mac === undefined || expected.has(receiver.name)) continue;
        const datagram = temptation(mac, nowMs >>> 0);
        // Not sent is not noticed, and tried again in a minute.
        socket.send([{ datagram, address: broadcastAddress, port: serverPort }], () => undefined);
      }
    },
    heard: () => first,
  };
}

/** Two servers give out the same addresses twice: the one that comes second does not start. */
function refuseSecondServer(
  libc: Libc,
  listeners: readonly Listener[],
  watch: Watch,
  now: () => number,
): void {
  const clients = listeners.filter(({ port }) => port === "client");
  const wait = createWait(libc, clients);
  const startedMs = now();
  watch.tick(startedMs);
  for (let left = foreignWaitMs; left > 0; left = startedMs + foreignWaitMs - now()) {
    for (const { receiver, socket } of wait(left))
      for (const { datagram, address } of socket.receive()) watch.hear(receiver, datagram, address);
    const heard = watch.heard();
    if (heard !== undefined)
      throw new Error(
        `another DHCP server, ${heard.server}, answers on ${heard.receiver.name}: switch it off, or set dhcp.allowSecondServer`,
      );
  }
}

function hardwareOf(device: string): ProbeInterface {
  try {
    const read = (file: string) =>
      readFileSync(`/sys/class/net/${device}/${file}`, "latin1").trim();
    return { index: Number(read("ifindex")), mac: parseMac(read("address")) as Mac };
  } catch (error) {
    throw new Error(`there is no network interface ${device}: name one that ip link shows`, {
      cause: error,
    });
  }
}
