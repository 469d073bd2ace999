// What rackstrap inventory import says: the YAML, and beside it every statement that was not carried over and every lease. Pure.

import type { Lease } from "../dhcp/lease-table.ts";
import { formatInventory, nodeEntry } from "../inventory/import/format-inventory.ts";
import { countStates, type LeaseSelection, neverMs } from "../inventory/import/leases.ts";
import type { KnownFile } from "../inventory/import/read.ts";
import { formatPlace, type Note } from "../inventory/import/source.ts";
import type { Imported } from "../inventory/import/to-inventory.ts";
import { formatTable, formatTime, printable } from "./table.ts";

/** What became of the leases. */
export interface LeaseOutcome extends LeaseSelection {
  readonly files: readonly string[];
  readonly notes: readonly Note[];
  readonly written: boolean;
}

export function importText(
  files: readonly string[],
  { inventory, notes }: Imported,
  leases: LeaseOutcome | undefined,
): { readonly yaml: readonly string[]; readonly remarks: readonly string[] } {
  return {
    yaml: formatInventory(inventory, files),
    remarks: [
      ...(notes.length === 0 ? [] : [`${notes.length} not carried over as they stand:`]),
      ...notes.map(noteLine),
      ...(leases === undefined ? [] : leaseLines(leases)),
    ],
  };
}

export function importJson(
  sources: readonly KnownFile[],
  { inventory, notes }: Imported,
  leases: LeaseOutcome | undefined,
): unknown {
  const { provisioning, provisioningInterface, serverAddress, domain, subnets, nodes } = inventory;
  const server = {
    ...(serverAddress !== undefined && { address: serverAddress }),
    ...(provisioningInterface !== undefined && { interface: provisioningInterface }),
  };
  return {
    sources: sources.map(({ file, kind }) => ({ file, kind })),
    inventory: {
      ...(domain !== undefined && { domain }),
      ...(Object.keys(server).length > 0 && { server }),
      networks: provisioning === undefined ? {} : { provisioning },
      dhcp: { subnets: Object.fromEntries(subnets) },
      nodes: Object.fromEntries([...nodes].map(([name, node]) => [name, nodeEntry(node)])),
    },
    notes: notes.map(noteJson),
    ...(leases === undefined
      ? {}
      : {
          leases: {
            files: leases.files,
            written: leases.written,
            rows: leases.rows,
            skipped: leases.skipped.map(({ lease, why }) => ({ ...lease, why })),
            notes: leases.notes.map(noteJson),
          },
        }),
  };
}

export function noteLine({ place, what, instead }: Note): string {
  return printable(`${formatPlace(place)}: ${what}: ${instead}`);
}

export function noteJson({ place, what, instead }: Note) {
  return { ...place, what, instead };
}

function leaseLines({ files, rows, skipped, notes, written }: LeaseOutcome): string[] {
  const { bound, released, declined } = countStates(rows);
  const counts = `${rows.length} leases (${bound} bound, ${released} ended, ${declined} declined), ${skipped.length} skipped`;
  return [
    ...notes.map(noteLine),
    ...skipped.map(({ lease, why }) =>
      printable(`skipped ${lease.address} of ${lease.mac} (${lease.state}): ${why}`),
    ),
    ...(rows.length === 0 ? [] : leaseTable(rows)),
    printable(`${written ? "written" : "read"}: ${counts}, from ${files.join(", ")}`),
    ...(written ? [] : ["nothing was written: add --state-directory DIR with the server stopped"]),
  ];
}

function leaseTable(rows: readonly Lease[]): string[] {
  return formatTable(
    ["ADDRESS", "MAC", "STATE", "ENDS", "LAST SEEN", "NAME"],
    rows.map(({ address, mac, state, expiresAtMs, lastSeenMs, hostName }) => [
      address,
      mac,
      state,
      expiresAtMs >= neverMs ? "never" : formatTime(expiresAtMs),
      formatTime(lastSeenMs),
      hostName ?? "",
    ]),
  );
}
