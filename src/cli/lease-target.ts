// The store of a stopped server as the place where imported leases go.

import { join } from "node:path";
import type { LeasePort, OldLease } from "../inventory/import/leases.ts";
import { openStore } from "../store/store.ts";

export interface LeaseTarget extends LeasePort {
  /** The stored rows of the leases' addresses and machines. */
  known(leases: readonly OldLease[]): readonly OldLease[];
  close(): void;
}

/** Throws what `openStore` throws; a running server holds the lock of its store. */
export function openLeaseTarget(stateDirectory: string): LeaseTarget {
  const store = openStore(join(stateDirectory, "rackstrap.db"), Date.now, () => {});
  return {
    known: (leases) => {
      const rows = new Map<string, OldLease>();
      for (const { address, mac } of leases) {
        const here = store.leases.findByAddress(address);
        for (const row of [...(here === undefined ? [] : [here]), ...store.leases.findByMac(mac)])
          rows.set(row.address, row);
      }
      return [...rows.values()];
    },
    write: (rows) =>
      store.atomically(() => {
        for (const row of rows) {
          // A machine has one lease; what it declined stays out of use.
          const former = row.state === "declined" ? [] : store.leases.findByMac(row.mac);
          for (const { address, state } of former)
            if (state !== "declined") store.leases.remove(address);
          store.leases.save(row);
        }
      }),
    close: () => store.close(),
  };
}
