// Makes a stream of events that anyone on the network can cause into one that a log can take: everything is counted, and
// a bounded number a second is passed on, those of declared machines apart from those of strangers.

import type { Mac } from "../net/mac.ts";
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

const perSecond = { declared: 200, strangers: 20 };

export function createEventDigest(isDeclared: (mac: Mac) => boolean): EventDigest {
  const counts: Partial<Record<DhcpEvent["kind"], number>> = {};
  const passed = { declared: 0, strangers: 0 };
  let second = 0;
  let sightings: DhcpSighting[] = [];
  return {
    add(event, nowMs) {
      counts[event.kind] = (counts[event.kind] ?? 0) + 1;
      const current = Math.floor(nowMs / 1000);
      if (current !== second) {
        second = current;
        passed.declared = 0;
        passed.strangers = 0;
      }
      const { client } = event;
      const group = client !== undefined && isDeclared(client.mac) ? "declared" : "strangers";
      passed[group] += 1;
      if (passed[group] > perSecond[group]) return;
      sightings.push(sightingOf(event));
    },
    take() {
      const taken = { sightings, counts: { ...counts } };
      sightings = [];
      return taken;
    },
  };
}
