// Listens for other DHCP servers on the served networks and tempts them once a minute.

import { broadcastAddress, type Ipv4 } from "../net/ipv4.ts";
import type { Libc } from "../net/libc.ts";
import { createRepeats } from "../net/repeats.ts";
import type { ProbeInterface } from "./address-probe.ts";
import { serverPort } from "./destination.ts";
import { foreignServer, temptation } from "./foreign-servers.ts";
import { createWait, type Listener } from "./listeners.ts";
import type { DhcpConfig, DhcpEvent, DhcpInterface } from "./policy.ts";

const temptMs = 60_000;
/** How long a server that is there already has to show itself before this one starts. */
const foreignWaitMs = 700;

interface WatchOptions {
  readonly config: () => DhcpConfig;
  readonly onEvent: (event: DhcpEvent) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

export interface Watch {
  hear(receiver: DhcpInterface, datagram: Buffer, sender: Ipv4): void;
  /** Tempts other servers once a minute. */
  tick(nowMs: number): void;
  /** The first one that was heard. */
  heard(): { readonly server: Ipv4; readonly receiver: DhcpInterface } | undefined;
}

export function createWatch(
  { config, onEvent, now }: WatchOptions,
  listeners: readonly Listener[],
  hardware: ReadonlyMap<string, ProbeInterface>,
): Watch {
  const ours = new Set(config().interfaces.map(({ address }) => address));
  // Beside a proxy another server is no stranger: it gives the addresses.
  const isExpected = (name: string) =>
    config().subnets.some((subnet) => subnet.mode !== "authoritative" && subnet.interface === name);
  let temptedMs = Number.NEGATIVE_INFINITY;
  const isRepeat = createRepeats(now);
  let first: ReturnType<Watch["heard"]>;
  return {
    hear(receiver, datagram, sender) {
      const server = foreignServer(datagram, sender, ours);
      if (server === undefined || isExpected(receiver.name)) return;
      first ??= { server, receiver };
      if (isRepeat(server, temptMs)) return;
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
        if (port !== "client" || mac === undefined || isExpected(receiver.name)) continue;
        const datagram = temptation(mac, nowMs >>> 0);
        // Not sent is not noticed, and tried again in a minute.
        socket.send([{ datagram, address: broadcastAddress, port: serverPort }], () => undefined);
      }
    },
    heard: () => first,
  };
}

/** Throws when a server is there already: two give out the same addresses twice, so the second one must not start. */
export function refuseSecondServer(
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
