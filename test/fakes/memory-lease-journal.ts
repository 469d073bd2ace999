// A LeaseJournal in memory for tests. `broken` makes every write throw, as a full disk does; `unsynced` makes it throw after
// the rows were written, as a failed sync does.

import type { Lease, LeaseJournal } from "../../src/dhcp/lease-table.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";

export interface MemoryLeaseJournal extends LeaseJournal {
  broken: boolean;
  unsynced: boolean;
  /** What would survive a restart. */
  readonly rows: Map<Ipv4, Lease>;
}

export function createMemoryLeaseJournal(...leases: readonly Lease[]): MemoryLeaseJournal {
  const rows = new Map<Ipv4, Lease>(leases.map((lease) => [lease.address, lease]));
  const journal: MemoryLeaseJournal = {
    broken: false,
    unsynced: false,
    rows,
    load: () => [...rows.values()],
    tryOut() {
      if (journal.broken) throw new Error("ENOSPC: no space left on device");
    },
    write(changed, removed) {
      journal.tryOut();
      for (const lease of changed) rows.set(lease.address, lease);
      for (const address of removed) rows.delete(address);
      if (journal.unsynced) throw new Error("EIO: i/o error, fdatasync");
    },
  };
  return journal;
}
