// How often each machine in no inventory was given the discovery image, so that one that never reports is left alone. No clock
// of its own, and a bounded memory; what follows from the count is said in decide.ts.

import { BoundedMap } from "../net/bounded-map.ts";
import type { Mac } from "../net/mac.ts";

export interface DiscoveryBoots {
  /** Boots within the last hour since the machine last reported. */
  unreported(mac: Mac, nowMs: number): number;
  /** The machine was given its script. Again within a minute is the same boot: a loader asks anew when a fetch fails. */
  given(mac: Mac, nowMs: number): void;
  reported(mac: Mac): void;
}

const windowMs = 60 * 60_000;
const sameBootMs = 60_000;
const mostMachines = 4096;
/** More than are ever counted to. */
const mostTimes = 16;

/** Times are milliseconds of any clock. */
export function createDiscoveryBoots(): DiscoveryBoots {
  const boots = new BoundedMap<Mac, readonly number[]>(mostMachines);
  const recent = (mac: Mac, nowMs: number) =>
    (boots.get(mac) ?? []).filter((atMs) => atMs > nowMs - windowMs && atMs <= nowMs);
  return {
    unreported: (mac, nowMs) => recent(mac, nowMs).length,
    given(mac, nowMs) {
      const times = recent(mac, nowMs);
      const last = times.at(-1);
      if (last !== undefined && nowMs - last < sameBootMs) return;
      boots.set(mac, [...times, nowMs].slice(-mostTimes));
    },
    reported: (mac) => boots.delete(mac),
  };
}
