// The lease file of a stopped server as the place where imported leases go.

import { join } from "node:path";
import { type Lease, LeaseTable } from "../dhcp/lease-table.ts";
import type { LeasePort } from "../inventory/import/leases.ts";
import { openLeaseFile, readBootId } from "../store/leases.ts";

export interface LeaseTarget extends LeasePort {
  /** Every stored row, its times in milliseconds since the epoch. */
  readonly stored: readonly Lease[];
  close(): void;
}

/** Throws what `openLeaseFile` throws; a running server holds the lock of its file. */
export function openLeaseTarget(stateDirectory: string): LeaseTarget {
  const file = openLeaseFile(join(stateDirectory, "leases.db"), {
    wallNow: Date.now,
    bootId: readBootId(),
  });
  // The file's times are those of the machine's monotonic clock.
  const nowMs = Number(process.hrtime.bigint() / 1_000_000n);
  const offsetMs = Date.now() - nowMs;
  const rows = file.load(nowMs);
  return {
    stored: rows.map((row) => shifted(row, offsetMs)),
    write(imported) {
      const table = new LeaseTable(rows);
      for (const row of imported) {
        // A machine has one lease; what it declined stays out of use.
        const former = row.state === "declined" ? [] : table.of(row.mac);
        for (const { address, state } of former) if (state !== "declined") table.remove(address);
        table.put(shifted(row, -offsetMs));
      }
      table.commit(file, nowMs);
    },
    close: () => file.close(),
  };
}

function shifted(lease: Lease, ms: number): Lease {
  return { ...lease, expiresAtMs: lease.expiresAtMs + ms, lastSeenMs: lease.lastSeenMs + ms };
}
