// Reads Kea's lease file for IPv4 (kea-leases4.csv), a journal: the last row of an address counts. Pure.
// https://kea.readthedocs.io names the files beside it that its clean-up leaves; `keaLeaseFiles` is their order.

import type { Lease } from "../../dhcp/lease-table.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import { parseMac } from "../../net/mac.ts";
import { neverMs, nobody, type OldLeases } from "./leases.ts";
import { type Note, type Place, type Read, total, unreadable } from "./source.ts";

/**
 * The files that Kea itself would read, oldest first: its clean-up moves all but the newest rows into a side file, so
 * the file alone may hold hardly any lease.
 */
export function keaLeaseFiles(file: string, exists: (file: string) => boolean): string[] {
  const completed = `${file}.completed`;
  const older = exists(completed) ? [completed] : [`${file}.2`, `${file}.1`].filter(exists);
  return [...older, file];
}

/** Reads lease files, oldest first. A row that makes no sense is a note; a file without the columns is malformed. */
export function parseKeaLeases(
  files: readonly { readonly file: string; readonly bytes: Buffer }[],
): Read<OldLeases> {
  return total(() => {
    const leases = new Map<string, Lease>();
    const notes: Note[] = [];
    for (const { file, bytes } of files) readFile(bytes.toString("utf8"), file, leases, notes);
    return { leases: [...leases.values()], notes };
  });
}

const needed = ["address", "hwaddr", "valid_lifetime", "expire"];

function readFile(text: string, file: string, leases: Map<string, Lease>, notes: Note[]): void {
  let columns: readonly string[] | undefined;
  for (const { row, place } of rowsOf(text, file)) {
    if (columns === undefined) {
      columns = row.split(",");
      const missing = needed.filter((name) => !columns?.includes(name));
      if (missing.length > 0)
        unreadable(
          place,
          `the header has no column ${missing.join(", ")}: expected kea-leases4.csv`,
        );
      continue;
    }
    const reading = readRow(columns, row.split(","));
    if ("instead" in reading)
      notes.push({ place, what: row.slice(0, 80), instead: reading.instead });
    else {
      leases.delete(reading.address);
      if (reading.lease !== undefined) leases.set(reading.address, reading.lease);
    }
  }
  if (columns === undefined)
    unreadable({ file, line: 1, column: 1 }, "the file is empty: expected kea-leases4.csv");
}

function* rowsOf(text: string, file: string): Generator<{ row: string; place: Place }> {
  let line = 0;
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf("\n", start);
    const row = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, "");
    line++;
    if (row !== "") yield { row, place: { file, line, column: 1 } };
    start = end === -1 ? text.length : end + 1;
  }
}

type RowReading =
  | { readonly address: string; readonly lease: Lease | undefined }
  | { readonly instead: string };

function readRow(columns: readonly string[], fields: readonly string[]): RowReading {
  if (fields.length !== columns.length)
    return { instead: `it has ${fields.length} fields instead of ${columns.length}: skipped` };
  const field = (name: string) => unescaped(fields[columns.indexOf(name)] ?? "");
  const address = parseIpv4(field("address"));
  if (address === undefined) return { instead: "its address is no IPv4 address: skipped" };
  const validSeconds = parseSeconds(field("valid_lifetime"));
  const expire = parseSeconds(field("expire"));
  if (validSeconds === undefined || expire === undefined)
    return { instead: "its valid_lifetime or expire is no number of seconds: skipped" };
  // So Kea writes that the lease was deleted.
  if (validSeconds === 0) return { address, lease: undefined };
  const state = stateOf(field("state"));
  if (state === undefined) return { instead: `its state ${field("state")} is unknown: skipped` };
  // A declined lease names no client.
  const mac = field("hwaddr") === "" && state === "declined" ? nobody : parseMac(field("hwaddr"));
  if (mac === undefined) return { instead: "its hwaddr is no Ethernet MAC of six octets: skipped" };
  const clientId = field("client_id").toLowerCase().replaceAll(":", "");
  const hostName = field("hostname").replace(/\.$/, "");
  const lease = {
    address,
    mac,
    ...(/^([0-9a-f]{2})+$/.test(clientId) ? { clientId } : {}),
    ...(hostName === "" ? {} : { hostName }),
    state,
    expiresAtMs: Math.min(expire * 1000, neverMs),
    lastSeenMs: Math.max(0, (expire - validSeconds) * 1000),
  };
  return { address, lease };
}

function parseSeconds(text: string): number | undefined {
  return /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** 0 assigned, 1 declined, 2 expired and reclaimed, 3 released; files of old versions have no such column. */
function stateOf(text: string): Lease["state"] | undefined {
  switch (text) {
    case "":
    case "0":
      return "bound";
    case "1":
      return "declined";
    case "2":
    case "3":
      return "released";
    default:
      return undefined;
  }
}

/** Kea writes what would end a field as `&#x2c`. */
function unescaped(text: string): string {
  return text.replaceAll(/&#x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
