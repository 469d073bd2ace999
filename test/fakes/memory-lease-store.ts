// A LeaseStore in memory for tests. `broken` makes every write throw, as a full disk does.

import type { Lease, LeaseStore } from "../../src/dhcp/leases.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

export interface MemoryLeaseStore extends LeaseStore {
  broken: boolean;
}

export function createMemoryLeaseStore(...leases: readonly Lease[]): MemoryLeaseStore {
  const rows = new Map<Ipv4, Lease>(leases.map((lease) => [lease.address, lease]));
  const store: MemoryLeaseStore = {
    broken: false,
    findByAddress: (address) => rows.get(address),
    findByMac: (mac) => [...rows.values()].filter((lease) => lease.mac === mac),
    active: (nowMs) => [...rows.values()].filter(({ expiresAtMs }) => expiresAtMs > nowMs),
    save(lease) {
      if (store.broken) throw new Error("ENOSPC: no space left on device");
      rows.set(lease.address, lease);
    },
    remove(address) {
      if (store.broken) throw new Error("ENOSPC: no space left on device");
      rows.delete(address);
    },
  };
  return store;
}
