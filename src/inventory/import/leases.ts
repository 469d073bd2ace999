// Which leases of another server are taken over: those a client goes on using at its address here, and those that keep
// an address out of use. Pure; the port writes them. Times here are milliseconds since the epoch.

import type { Lease } from "../../dhcp/lease-table.ts";
import { type Cidr, cidrContains, formatCidr } from "../../net/cidr.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import { type Ipv4Range, rangeContains } from "../../net/ipv4-range.ts";
import type { Mac } from "../../net/mac.ts";
import type { Note } from "./source.ts";

/** The leases of one or more lease files, at most one for an address. */
export interface OldLeases {
  readonly leases: readonly Lease[];
  readonly notes: readonly Note[];
}

/** A declined address whose client is not on record: this is nobody's MAC, so nobody gets the address. */
export const nobody = "00:00:00:00:00:00" as Mac;

/** The end of a lease that has none: the longest time option 51 can say (RFC 2132 §9.2), counted from 1970. */
export const neverMs = 0xffffffff * 1000;

export interface LeaseSite {
  readonly networks: readonly { readonly cidr: Cidr; readonly pools: readonly Ipv4Range[] }[];
  readonly reservations: readonly { readonly mac: Mac; readonly address: Ipv4 }[];
  /** Rows that are in the store already. */
  readonly stored: readonly Lease[];
}

export interface LeaseSelection {
  readonly rows: readonly Lease[];
  readonly skipped: readonly { readonly lease: Lease; readonly why: string }[];
}

/** Where the rows go. `write` keeps all of them or throws. */
export interface LeasePort {
  write(rows: readonly Lease[]): void;
}

/** Takes each lease over or says why not. */
export function selectLeases(
  leases: readonly Lease[],
  site: LeaseSite,
  nowMs: number,
): LeaseSelection {
  const reservedFor = new Map(site.reservations.map(({ address, mac }) => [address, mac]));
  const misplaced = new Map(
    leases.map((lease) => [
      lease,
      whyMisplaced(lease, site.networks, reservedFor.get(lease.address)),
    ]),
  );
  const placed = leases.filter((lease) => misplaced.get(lease) === undefined);
  const newest = newestOfEachMachine(placed, nowMs);
  const overtaken = overtakenBy(site.stored);
  const rows: Lease[] = [];
  const skipped: { lease: Lease; why: string }[] = [];
  for (const lease of leases) {
    const why = misplaced.get(lease) ?? duplicate(lease, newest.get(lease.mac)) ?? overtaken(lease);
    if (why === undefined) rows.push(lease);
    else skipped.push({ lease, why });
  }
  return { rows, skipped };
}

/** Writes the rows; returns how many of each state there were. */
export function importLeases(
  rows: readonly Lease[],
  port: LeasePort,
): Readonly<Record<Lease["state"], number>> {
  if (rows.length > 0) port.write(rows);
  return countStates(rows);
}

export function countStates(rows: readonly Lease[]): Readonly<Record<Lease["state"], number>> {
  const counts = { bound: 0, released: 0, declined: 0, foreign: 0 };
  for (const { state } of rows) counts[state]++;
  return counts;
}

function whyMisplaced(
  { address, mac, state }: Lease,
  networks: LeaseSite["networks"],
  owner: Mac | undefined,
): string | undefined {
  const network = networks.find(({ cidr }) => cidrContains(cidr, address));
  if (network === undefined) return "it lies outside every network";
  if (owner === mac) return undefined;
  if (owner !== undefined) return `the address is reserved for ${owner}`;
  // Outside the pool nobody is given the address anyway.
  return network.pools.some((range) => rangeContains(range, address))
    ? undefined
    : `it lies outside the pool of ${formatCidr(network.cidr)}${state === "bound" ? ": widen the pool, or declare the machine under nodes" : ""}`;
}

/** The other server may tell a machine's firmware and system apart; here a machine has one lease. */
function newestOfEachMachine(leases: readonly Lease[], nowMs: number): ReadonlyMap<Mac, Lease> {
  const newest = new Map<Mac, Lease>();
  for (const lease of leases) {
    if (lease.state === "declined") continue;
    const known = newest.get(lease.mac);
    if (known === undefined || compare(lease, known, nowMs) > 0) newest.set(lease.mac, lease);
  }
  return newest;
}

function compare(a: Lease, b: Lease, nowMs: number): number {
  const runs = ({ state, expiresAtMs }: Lease) => Number(state === "bound" && expiresAtMs > nowMs);
  return runs(a) - runs(b) || a.lastSeenMs - b.lastSeenMs || a.expiresAtMs - b.expiresAtMs;
}

function duplicate(lease: Lease, newest: Lease | undefined): string | undefined {
  return lease.state === "declined" || newest === undefined || newest === lease
    ? undefined
    : `the machine has a newer lease, ${newest.address}`;
}

// Lease files count in whole seconds, and a stored time comes back a few milliseconds off: the clock it is kept by is another.
const sameMs = 1000;

/** What this server did itself is newer than what the other one knew. */
function overtakenBy(stored: readonly Lease[]): (lease: Lease) => string | undefined {
  const byAddress = new Map(stored.map((row) => [row.address, row]));
  const byMac = new Map<Mac, Lease>();
  for (const row of stored)
    if (row.state !== "declined" && row.lastSeenMs >= (byMac.get(row.mac)?.lastSeenMs ?? 0))
      byMac.set(row.mac, row);
  return (lease) => {
    const other = byAddress.get(lease.address);
    if (other !== undefined && other.lastSeenMs > lease.lastSeenMs - sameMs)
      return `rackstrap knows a newer lease of the address, for ${other.mac}`;
    const own = lease.state === "declined" ? undefined : byMac.get(lease.mac);
    return own !== undefined && own.lastSeenMs > lease.lastSeenMs - sameMs
      ? `rackstrap gave the machine ${own.address} since`
      : undefined;
  };
}
