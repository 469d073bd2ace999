// How full the pools are: counted where the leases are kept, so that a list of thousands need not cross to another thread.

import type { Lease } from "../dhcp/lease-table.ts";
import type { Subnet } from "../dhcp/policy.ts";
import { ipv4ToNumber } from "../net/ipv4.ts";

export interface PoolUse {
  readonly network: string;
  /** How many addresses the pool has. */
  readonly size: number;
  /** How many of them are leased or set aside now. */
  readonly used: number;
}

/** Counts the leases that have not ended. Networks that give no addresses from a pool are left out. */
export function poolUse(
  subnets: readonly Subnet[],
  leases: Iterable<Lease>,
  nowMs: number,
): PoolUse[] {
  const pools = subnets
    .filter(({ pools }) => pools.length > 0)
    .map(({ name, pools }) => ({
      network: name,
      used: 0,
      ranges: pools.map(({ start, end }) => ({
        first: ipv4ToNumber(start),
        last: ipv4ToNumber(end),
      })),
    }));
  for (const { address, state, expiresAtMs } of leases) {
    if (state === "released" || expiresAtMs <= nowMs) continue;
    const value = ipv4ToNumber(address);
    const pool = pools.find(({ ranges }) =>
      ranges.some(({ first, last }) => value >= first && value <= last),
    );
    if (pool !== undefined) pool.used += 1;
  }
  return pools.map(({ network, used, ranges }) => ({
    network,
    size: ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    used,
  }));
}
