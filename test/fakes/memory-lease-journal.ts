// A LeaseJournal in memory for tests. `broken` makes every write throw, as a full disk does.

import type { Lease, LeaseJournal } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

export interface MemoryLeaseJournal extends LeaseJournal {
  broken: boolean;
  /** What would survive a restart. */
  readonly rows: Map<Ipv4, Lease>;
}

export function createMemoryLeaseJournal(...leases: readonly Lease[]): MemoryLeaseJournal {
  const rows = new Map<Ipv4, Lease>(leases.map((lease) => [lease.address, lease]));
  const journal: MemoryLeaseJournal = {
    broken: false,
    rows,
    load: () => [...rows.values()],
    write(changed, removed) {
      if (journal.broken) throw new Error("ENOSPC: no space left on device");
      for (const lease of changed) rows.set(lease.address, lease);
      for (const address of removed) rows.delete(address);
    },
  };
  return journal;
}
