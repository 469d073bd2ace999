// Who may have which address (RFC 2131 §4.3.1, §4.3.2). Clients are told apart by MAC alone: a machine's firmware, iPXE
// and installed system send different client identifiers, and a reservation must survive all three.
// It keeps offers in memory and asks a LeaseStore for everything that has to survive a restart.

import { cidrContains, formatCidr } from "../net/cidr.ts";
import { messageOf } from "../net/error-text.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { DhcpPolicy, Subnet } from "./policy.ts";

export interface Lease {
  readonly address: Ipv4;
  readonly mac: Mac;
  /** Option 61 in hexadecimal. */
  readonly clientId?: string;
  readonly hostName?: string;
  /** `declined`: the client found somebody else using the address; nobody gets it until `expiresAtMs`. */
  readonly state: "bound" | "released" | "declined";
  readonly expiresAtMs: number;
  readonly lastSeenMs: number;
}

/** At most one lease per address. Ended leases stay until their address is given to another client: they are how a client gets its old address back. */
export interface LeaseStore {
  findByAddress(address: Ipv4): Lease | undefined;
  /** Every row of the client, ended ones too. */
  findByMac(mac: Mac): readonly Lease[];
  /** Rows whose time is not over, `declined` ones too. */
  active(nowMs: number): readonly Lease[];
  /** Inserts or replaces the row of `lease.address`. Returns once it would survive a power cut, or throws. */
  save(lease: Lease): void;
  remove(address: Ipv4): void;
}

export interface LeaseBook {
  readonly store: LeaseStore;
  readonly policy: DhcpPolicy;
  readonly offers: Offers;
  /** Until then pool clients are not offered anything, because a lease could not be stored. */
  storeFailedUntilMs: number;
}

export function createLeaseBook(store: LeaseStore, policy: DhcpPolicy): LeaseBook {
  return { store, policy, offers: new Offers(), storeFailedUntilMs: 0 };
}

export const offerMs = 30_000;
export const quarantineMs = 600_000;
// A client that declines everything must not be able to empty the pool.
const maxQuarantinesPerClient = 3;
const storeRetryMs = 5_000;

/** Addresses promised in an OFFER and not yet asked for. One per client, one client per address; gone after 30 seconds. */
class Offers {
  readonly #byAddress = new Map<Ipv4, { mac: Mac; untilMs: number }>();
  readonly #byMac = new Map<Mac, Ipv4>();

  hold(address: Ipv4, mac: Mac, nowMs: number): void {
    this.release(mac);
    const previous = this.#byAddress.get(address);
    if (previous !== undefined) this.#byMac.delete(previous.mac);
    this.#byAddress.set(address, { mac, untilMs: nowMs + offerMs });
    this.#byMac.set(mac, address);
  }

  heldBy(address: Ipv4, nowMs: number): Mac | undefined {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.untilMs > nowMs ? offer.mac : undefined;
  }

  offeredTo(mac: Mac, nowMs: number): Ipv4 | undefined {
    const address = this.#byMac.get(mac);
    return address !== undefined && this.heldBy(address, nowMs) === mac ? address : undefined;
  }

  release(mac: Mac): void {
    const address = this.#byMac.get(mac);
    if (address === undefined) return;
    this.#byAddress.delete(address);
    this.#byMac.delete(mac);
  }
}

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
): { readonly address: Ipv4 } | { readonly none: string } {
  const reserved = book.policy.reservation(mac)?.address;
  if (reserved !== undefined && !cidrContains(subnet.cidr, reserved))
    return { none: `${reserved} is reserved for it, but it asks in ${formatCidr(subnet.cidr)}` };
  const [recorded] = recordedAddresses(book, mac, subnet, nowMs);
  if (recorded !== undefined && recorded === reserved) return { address: recorded };
  if (nowMs < book.storeFailedUntilMs) return { none: "leases cannot be stored at the moment" };
  const wished = [recorded, book.offers.offeredTo(mac, nowMs), requested].find(
    (address) => address !== undefined && isPoolAddressFor(book, address, mac, subnet, nowMs),
  );
  const address = wished ?? firstFree(book, mac, subnet, nowMs);
  if (address === undefined)
    return { none: `no free address in ${subnet.pool.start}-${subnet.pool.end}` };
  return { address };
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
  return book.store
    .findByMac(mac)
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
  const lease = book.store.findByAddress(address);
  if (lease === undefined || lease.expiresAtMs <= nowMs || lease.state === "released") return true;
  return lease.state === "bound" && lease.mac === mac;
}

/**
 * Stores a lease and forgets the client's other ones. Without a durable row there must be no ACK, except for a
 * reservation, whose record is the inventory.
 */
export function bind(
  book: LeaseBook,
  lease: Lease,
  nowMs: number,
): { readonly bound: true; readonly warning?: string } | { readonly bound: false; why: string } {
  book.offers.release(lease.mac);
  try {
    book.store.save(lease);
    for (const { address, state } of book.store.findByMac(lease.mac))
      if (address !== lease.address && state !== "declined") book.store.remove(address);
    return { bound: true };
  } catch (error) {
    book.storeFailedUntilMs = nowMs + storeRetryMs;
    const why = `the lease could not be stored: ${messageOf(error)}`;
    const reserved = book.policy.reservedFor(lease.address) === lease.mac;
    return reserved ? { bound: true, warning: why } : { bound: false, why };
  }
}

/** Sets aside an address its own client found in use (RFC 2131 §4.3.3); says why not for anybody else. */
export function quarantine(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  nowMs: number,
): { readonly ignore: string } | undefined {
  const lease = book.store.findByAddress(address);
  const holds = lease?.mac === mac && lease.state === "bound" && lease.expiresAtMs > nowMs;
  if (!holds) return { ignore: `it declines ${address}, which is not leased to it` };
  const held = book.store
    .findByMac(mac)
    .filter(({ state, expiresAtMs }) => state === "declined" && expiresAtMs > nowMs);
  if (held.length >= maxQuarantinesPerClient)
    return { ignore: `it has declined ${held.length} addresses already` };
  return trySave(book, {
    address,
    mac,
    state: "declined",
    expiresAtMs: nowMs + quarantineMs,
    lastSeenMs: nowMs,
  });
}

/** Ends a lease at its own client's wish; the row stays, so that the client gets the same address again. */
export function release(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  nowMs: number,
): { readonly ignore: string } | undefined {
  const lease = book.store.findByAddress(address);
  if (lease?.mac !== mac || lease.state !== "bound")
    return { ignore: `it releases ${address}, which is not leased to it` };
  return trySave(book, { ...lease, state: "released", expiresAtMs: nowMs, lastSeenMs: nowMs });
}

function trySave(book: LeaseBook, lease: Lease): { readonly ignore: string } | undefined {
  try {
    book.store.save(lease);
    return undefined;
  } catch (error) {
    return { ignore: `the change could not be stored: ${messageOf(error)}` };
  }
}

function isPoolAddressFor(
  book: LeaseBook,
  address: Ipv4,
  mac: Mac,
  subnet: Subnet,
  nowMs: number,
): boolean {
  const value = ipv4ToNumber(address);
  return (
    value >= ipv4ToNumber(subnet.pool.start) &&
    value <= ipv4ToNumber(subnet.pool.end) &&
    book.policy.reservedFor(address) === undefined &&
    isAvailable(book, address, mac, nowMs)
  );
}

// Never used addresses first, then the one free the longest, so that a returning client finds its old address.
function firstFree(book: LeaseBook, mac: Mac, subnet: Subnet, nowMs: number): Ipv4 | undefined {
  let oldest: Lease | undefined;
  const last = ipv4ToNumber(subnet.pool.end);
  for (let value = ipv4ToNumber(subnet.pool.start); value <= last; value++) {
    const address = ipv4FromNumber(value);
    if (!isPoolAddressFor(book, address, mac, subnet, nowMs)) continue;
    const lease = book.store.findByAddress(address);
    if (lease === undefined) return address;
    if (oldest === undefined || lease.expiresAtMs < oldest.expiresAtMs) oldest = lease;
  }
  return oldest?.address;
}
