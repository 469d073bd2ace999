// How full the pools are: counted where the leases are kept, so that a list of thousands need not cross to another thread.

import { AddressPool } from "../dhcp/address-pool.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import type { Subnet } from "../dhcp/policy.ts";

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
  const counts = subnets
    .filter(({ pools }) => pools.length > 0)
    .map(({ name, pools }) => ({ name, pool: new AddressPool(pools), used: 0 }));
  for (const { address, state, expiresAtMs } of leases) {
    if (state === "released" || expiresAtMs <= nowMs) continue;
    const count = counts.find(({ pool }) => pool.contains(address));
    if (count !== undefined) count.used += 1;
  }
  return counts.map(({ name, pool, used }) => ({ network: name, size: pool.size, used }));
}
