// Makes a stream of events that anyone on the network can cause into one that a log can take: everything is counted, and
// a bounded number a second is passed on: of declared machines, of strangers, and of the network itself, each apart.

import type { Mac } from "../net/mac.ts";
import { createPerSecond } from "../net/per-second.ts";
import { clientFacts } from "./client.ts";
import type { DhcpEvent } from "./policy.ts";

/** An event as plain data, fit for another thread. */
export interface DhcpSighting extends Omit<DhcpEvent, "client"> {
  readonly mac: Mac | undefined;
  /** What the client said of itself, printable: arch, vendorClass, userClass, ipxe, machineGuid, interfaceId, hostName. */
  readonly facts: Readonly<Record<string, string>>;
}

export function sightingOf({ client, ...event }: DhcpEvent): DhcpSighting {
  return { ...event, mac: client?.mac, facts: client === undefined ? {} : clientFacts(client) };
}

export interface EventDigest {
  add(event: DhcpEvent, nowMs: number): void;
  /** What is to be passed on since the last call. */
  take(): { readonly sightings: readonly DhcpSighting[]; readonly counts: DhcpCounts };
}

/** How many events of each kind there have been since the start. */
export type DhcpCounts = Readonly<Partial<Record<DhcpEvent["kind"], number>>>;

const perSecond = { declared: 200, network: 20, strangers: 20 };

export function createEventDigest(isDeclared: (mac: Mac) => boolean): EventDigest {
  const counts: Partial<Record<DhcpEvent["kind"], number>> = {};
  const mayPass = createPerSecond(perSecond);
  let sightings: DhcpSighting[] = [];
  return {
    add(event, nowMs) {
      counts[event.kind] = (counts[event.kind] ?? 0) + 1;
      if (mayPass(groupOf(event, isDeclared), nowMs)) sightings.push(sightingOf(event));
    },
    take() {
      const taken = { sightings, counts: { ...counts } };
      sightings = [];
      return taken;
    },
  };
}

// A crowd of strangers must not hide another server or an address that is used twice.
function groupOf(
  { kind, client }: DhcpEvent,
  isDeclared: (mac: Mac) => boolean,
): keyof typeof perSecond {
  if (client !== undefined) return isDeclared(client.mac) ? "declared" : "strangers";
  return isOfNetwork(kind) ? "network" : "strangers";
}

/** Events that concern everybody on the network and no machine in particular. */
export function isOfNetwork(kind: DhcpEvent["kind"]): boolean {
  return kind === "foreign-dhcp-server" || kind === "dhcp-conflict";
}
