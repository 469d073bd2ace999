// The DHCP server's sockets and its loop: waits for datagrams, has them decided together, sends the answers. The waiting blocks
// the thread it runs on. No protocol rule lives here.

import { readFileSync } from "node:fs";
import { cidrContains } from "../net/cidr.ts";
import { type Libc, loadLibc } from "../net/libc.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { type AddressProbe, openAddressProbe, type ProbeInterface } from "./address-probe.ts";
import { type Answer, createEngine, type DhcpEngine, type Request } from "./engine.ts";
import { createWatch, refuseSecondServer, type Watch } from "./foreign-server-watch.ts";
import type { Lease, LeaseJournal } from "./lease-table.ts";
import { createWait, type Listener, openListeners } from "./listeners.ts";
import type { DhcpConfig, DhcpEvent, DhcpPolicy } from "./policy.ts";

export interface DhcpServerOptions {
  readonly config: DhcpConfig;
  readonly policy: DhcpPolicy;
  readonly journal: LeaseJournal;
  readonly onEvent: (event: DhcpEvent) => void;
  /** What an operator should read once: a right that is missing, an answer that could not be sent. */
  readonly onWarning: (message: string) => void;
  /** Sockets for port 67 that somebody else has bound, one for each interface (see inheritedSockets). */
  readonly inheritedFds: readonly number[];
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

export interface DhcpServer {
  /** Waits at most a tenth of a second for requests and answers them. */
  turn(): void;
  /** Why no lease can be stored at the moment; undefined while they can. */
  storeFailure(): string | undefined;
  /** Every lease there is, ended ones too. */
  leases(): Iterable<Lease>;
  /** Goes on with this from the next datagram on. What sockets are opened for stays: the interfaces and the conflict probe. */
  configure(config: DhcpConfig): void;
  close(): void;
}

const pollMs = 100;
const tickMs = 50;

/** Opens the sockets of every interface; rejects with a remedy when one can't be served. */
export async function openDhcpServer(options: DhcpServerOptions): Promise<DhcpServer> {
  const libc = await loadLibc();
  const { onWarning } = options;
  let { config } = options;
  const hardware = new Map(config.interfaces.map(({ name }) => [name, hardwareOf(name)]));
  const listeners = openListeners(libc, { ...options, interfaces: config.interfaces });
  const probe = config.conflictProbe ? openAddressProbe(libc) : undefined;
  if (probe?.limits !== undefined) onWarning(probe.limits);
  const close = () => {
    for (const { socket } of listeners) socket.close();
    probe?.close();
  };
  try {
    const ownMacs = new Set([...hardware.values()].map(({ mac }) => mac));
    const engine = createEngine({ ...options, ownMacs }, options.now());
    const watch = createWatch({ ...options, config: () => config }, listeners, hardware);
    if (!config.allowSecondServer) refuseSecondServer(libc, listeners, watch, options.now);
    const turn = createTurn({
      ...{ libc, options, config: () => config, listeners },
      ...{ engine, watch, probe, hardware },
    });
    const configure = (next: DhcpConfig) => {
      config = next;
      engine.configure(next);
    };
    const { storeFailure, leases } = engine;
    return { turn, storeFailure, leases, configure, close };
  } catch (error) {
    close();
    throw error;
  }
}

interface Parts {
  readonly libc: Libc;
  readonly options: DhcpServerOptions;
  readonly config: () => DhcpConfig;
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

function askForAddresses({ engine, options, config, hardware }: Parts, probe: AddressProbe): void {
  const addresses = engine.takeProbes();
  if (addresses.length === 0) return;
  // What was heard of an address before it is asked for is too old; what answers an earlier question is not.
  for (const address of probe.answered())
    if (!addresses.includes(address)) engine.addressAnswered(address, options.now());
  for (const address of addresses) {
    const subnet = config().subnets.find(({ cidr }) => cidrContains(cidr, address));
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
