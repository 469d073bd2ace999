// Who may have which address (RFC 2131 §4.3.1, §4.3.2). Clients are told apart by MAC alone: a machine's firmware, iPXE
// and installed system send different client identifiers, and a reservation must survive all three.

import { isDeepStrictEqual } from "node:util";
import { cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { AddressPool, type FreeAtMs } from "./address-pool.ts";
import { ConflictProbes } from "./conflict-probes.ts";
import { type Lease, type LeaseJournal, LeaseTable } from "./lease-table.ts";
import { Offers } from "./offers.ts";
import type { DhcpConfig, DhcpPolicy, Subnet } from "./policy.ts";

export interface LeaseBook {
  readonly table: LeaseTable;
  readonly policy: DhcpPolicy;
  readonly offers: Offers;
  readonly freeAt: FreeAtMs;
  pools: ReadonlyMap<Subnet, AddressPool>;
  /** Undefined when addresses are offered unasked. */
  readonly probes: ConflictProbes | undefined;
  /** When the next addresses of the pools are to be asked for. */
  probeAheadAtMs: number;
  /** Why the last lease could not be stored: until that works again, pool clients are not offered anything. */
  storeFailure: string | undefined;
}

export const offerMs = 30_000;
/** For an offer while more than half of the pool is on offer: strangers who never come back must not block it. */
export const shortOfferMs = 5_000;
/** For an offer whose acknowledgement can't be stored: a client asks again within 65 s (RFC 2131 §4.1). */
const unstoredOfferMs = 70_000;
export const quarantineMs = 600_000;
// A client that declines everything must not be able to empty the pool.
const maxQuarantinesPerClient = 3;
// Enough for 700 strangers in a second without a wait for their probes.
const probedAhead = 256;
// Before what was found out goes out of date.
const probeAgainMs = 300_000;

export function createLeaseBook(
  config: DhcpConfig,
  policy: DhcpPolicy,
  rows: readonly Lease[],
): LeaseBook {
  const table = new LeaseTable(rows);
  const offers = new Offers((address) =>
    [...book.pools.values()].find((pool) => pool.contains(address)),
  );
  const book: LeaseBook = {
    table,
    policy,
    offers,
    freeAt: (address) =>
      policy.reservedFor(address) === undefined
        ? Math.max(offers.heldUntilMs(address), table.at(address)?.expiresAtMs ?? 0)
        : Number.POSITIVE_INFINITY,
    pools: new Map(),
    probes: config.conflictProbe ? new ConflictProbes() : undefined,
    probeAheadAtMs: 0,
    storeFailure: undefined,
  };
  configureBook(book, config);
  return book;
}

/** Goes on with another configuration. Leases, offers, and what was found out by probes stay as they are. */
export function configureBook(book: LeaseBook, { subnets }: Pick<DhcpConfig, "subnets">): void {
  const former = [...book.pools];
  const poolOf = (subnet: Subnet) =>
    former.find(
      ([{ name, pools }]) => name === subnet.name && isDeepStrictEqual(pools, subnet.pools),
    )?.[1];
  book.pools = new Map(
    subnets.map((subnet) => [subnet, poolOf(subnet) ?? new AddressPool(subnet.pools)]),
  );
  book.offers.recount();
  book.probeAheadAtMs = 0;
  const known = new Set(former.map(([, pool]) => pool));
  const fresh = [...book.pools.values()].filter((pool) => !known.has(pool));
  // What another server gave while it had this network says nothing any more. It leaves the disk with the next commit.
  for (const { state, address, expiresAtMs } of [...book.table.all()])
    if (state === "foreign" && !isProxied(subnets, address)) book.table.remove(address);
    else noteUse(book, address, expiresAtMs, fresh);
  for (const address of book.offers.addresses())
    noteUse(book, address, book.freeAt(address), fresh);
}

/** The address to offer, or why there is none. `probing`: this one, once nobody has answered for it. */
export type Choice =
  | { readonly address: Ipv4 }
  | { readonly none: string; readonly exhausted?: true }
  | { readonly probing: Ipv4 };

/**
 * The address to offer: the reservation, else the client's present or former address, else the one it was just
 * offered, else the one it asks for, else a free one from the pool.
 */
export function chooseAddress(
  book: LeaseBook,
  mac: Mac,
  requested: Ipv4 | undefined,
  subnet: Subnet,
  nowMs: number,
): Choice {
  const [recorded] = recordedAddresses(book, mac, subnet, nowMs);
  if (recorded !== undefined && recorded === book.policy.reservation(mac)?.address)
    return { address: recorded };
  if (book.storeFailure !== undefined) return { none: "leases cannot be stored at the moment" };
  if (recorded !== undefined) return { address: recorded };
  const wished = [book.offers.offeredTo(mac, nowMs), requested].find(
    (address) => address !== undefined && isPoolAddressFor(book, address, mac, subnet, nowMs),
  );
  const address = wished ?? book.pools.get(subnet)?.next(nowMs, book.freeAt);
  if (address === undefined)
    return { none: `no free address in the pool of network ${subnet.name}`, exhausted: true };
  return probed(book, address, nowMs);
}

/** Asks for the addresses that are to be given next, so that nobody waits for that. To be called often. */
export function probeAhead(book: LeaseBook, nowMs: number): void {
  const { probes } = book;
  if (probes === undefined || nowMs < book.probeAheadAtMs) return;
  book.probeAheadAtMs = nowMs + probeAgainMs;
  for (const pool of book.pools.values())
    for (const address of pool.upcoming(probedAhead, book.freeAt))
      probes.want(address, nowMs, probeAgainMs);
}

/** Keeps the address for the client until it asks for it. */
export function holdOffer(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  subnet: Subnet,
  nowMs: number,
): void {
  const pool = book.pools.get(subnet);
  const crowded = book.offers.countOf(pool) > (pool?.size ?? 0) / 2;
  if (book.offers.offeredTo(mac, nowMs) !== address) releaseOffer(book, mac);
  hold(book, address, mac, crowded ? shortOfferMs : offerMs, nowMs);
}

/** Keeps what the client was offered until it asks again: its lease could not be stored. */
export function keepOffer(book: LeaseBook, mac: Mac, nowMs: number): void {
  const address = book.offers.offeredTo(mac, nowMs);
  if (address !== undefined) hold(book, address, mac, unstoredOfferMs, nowMs);
}

/** Takes the offer back: the client has no use for it any more. */
export function releaseOffer(book: LeaseBook, mac: Mac): void {
  const address = book.offers.release(mac);
  if (address !== undefined) noteUse(book, address, book.freeAt(address));
}

function hold(book: LeaseBook, address: Ipv4, mac: Mac, forMs: number, nowMs: number): void {
  book.offers.hold(address, mac, nowMs + forMs, nowMs);
  noteUse(book, address, nowMs + forMs);
  book.probeAheadAtMs = nowMs;
}

/** The addresses on record as this client's and still its to use: its reservation, or else its leases. Offers are not on record. */
export function recordedAddresses(
  book: LeaseBook,
  mac: Mac,
  subnet: Subnet,
  nowMs: number,
): readonly Ipv4[] {
  const reserved = book.policy.reservation(mac)?.address;
  if (
    reserved !== undefined &&
    cidrContains(subnet.cidr, reserved) &&
    isAvailable(book, reserved, mac, nowMs)
  )
    return [reserved];
  return book.table
    .of(mac)
    .filter(({ state }) => state !== "declined")
    .map(({ address }) => address)
    .filter((address) => isPoolAddressFor(book, address, mac, subnet, nowMs));
}

/**
 * True when nobody else has a claim on the address. A machine that still holds a lease on an address since
 * reserved for another keeps it until the lease ends: two machines on one address are worse than a wait.
 */
export function isAvailable(book: LeaseBook, address: Ipv4, mac: Mac, nowMs: number): boolean {
  const owner = book.policy.reservedFor(address) ?? mac;
  const offered = book.offers.heldBy(address, nowMs) ?? mac;
  if (owner !== mac || offered !== mac) return false;
  const lease = book.table.at(address);
  if (lease === undefined || lease.expiresAtMs <= nowMs || lease.state === "released") return true;
  return lease.state !== "declined" && lease.mac === mac;
}

/** Puts the lease into the table, never with less time than it had, and forgets the client's other ones. It counts once the table is committed. */
export function bind(book: LeaseBook, lease: Lease): void {
  for (const { address, state } of book.table.of(lease.mac))
    if (address !== lease.address && state !== "declined") {
      book.table.remove(address);
      noteUse(book, address, book.freeAt(address));
    }
  // A client may have missed the answer that shortens its lease, and rely on an earlier one.
  const former = book.table.at(lease.address);
  const isSame = former?.mac === lease.mac && former.state === "bound";
  const expiresAtMs = Math.max(lease.expiresAtMs, isSame ? former.expiresAtMs : 0);
  book.table.put({ ...lease, expiresAtMs });
  noteUse(book, lease.address, expiresAtMs);
}

/** Makes the changes durable. When the journal throws, everything is as it was before them, and the error is passed on. */
export function commitLeases(book: LeaseBook, journal: LeaseJournal, nowMs: number): void {
  const changed = book.table.changed();
  try {
    book.table.commit(journal, nowMs);
  } catch (error) {
    for (const address of changed) noteUse(book, address, book.freeAt(address));
    throw error;
  }
}

/** Sets aside an address its own client found in use (RFC 2131 §4.3.3); says why not for anybody else. */
export function quarantine(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  nowMs: number,
): { readonly ignore: string } | undefined {
  const lease = book.table.at(address);
  const holds = lease?.mac === mac && lease.state === "bound" && lease.expiresAtMs > nowMs;
  if (!holds) return { ignore: `it declines ${address}, which is not leased to it` };
  const held = book.table
    .of(mac)
    .filter(({ state, expiresAtMs }) => state === "declined" && expiresAtMs > nowMs);
  if (held.length >= maxQuarantinesPerClient)
    return { ignore: `it has declined ${held.length} addresses already` };
  setAside(book, address, mac, nowMs);
  return undefined;
}

/** Nobody gets the address for ten minutes. `mac` is the client that found it in use, and nobody's when the server did. */
export function setAside(book: LeaseBook, address: Ipv4, mac: Mac, nowMs: number): void {
  const expiresAtMs = nowMs + quarantineMs;
  book.table.put({ address, mac, state: "declined", expiresAtMs, lastSeenMs: nowMs });
  noteUse(book, address, expiresAtMs);
}

/** Ends a lease at its own client's wish; the row stays, so that the client gets the same address again. */
export function release(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  nowMs: number,
): { readonly ignore: string } | undefined {
  const lease = book.table.at(address);
  if (lease?.mac !== mac || lease.state !== "bound")
    return { ignore: `it releases ${address}, which is not leased to it` };
  book.table.put({ ...lease, state: "released", expiresAtMs: nowMs, lastSeenMs: nowMs });
  noteUse(book, address, nowMs);
  return undefined;
}

// A relayed network is probed no differently: what can't be asked counts as unanswered.
function probed(book: LeaseBook, address: Ipv4, nowMs: number): Choice {
  const { probes } = book;
  if (probes === undefined) return { address };
  if (probes.isClear(address, nowMs)) return { address };
  // Too many at once to ask for all: an address in time is worth more than the last bit of certainty.
  return probes.want(address, nowMs) ? { probing: address } : { address };
}

function isPoolAddressFor(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  subnet: Subnet,
  nowMs: number,
): boolean {
  return (
    book.pools.get(subnet)?.contains(address) === true &&
    book.policy.reservedFor(address) === undefined &&
    isAvailable(book, address, mac, nowMs)
  );
}

function isProxied(subnets: DhcpConfig["subnets"], address: Ipv4): boolean {
  return subnets.find(({ cidr }) => cidrContains(cidr, address))?.mode === "proxy";
}

function noteUse(
  book: LeaseBook,
  address: Ipv4,
  untilMs: number,
  pools: Iterable<AddressPool> = book.pools.values(),
): void {
  for (const pool of pools)
    if (pool.contains(address)) pool.usedUntil(address, untilMs, book.freeAt);
}
