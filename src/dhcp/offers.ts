// Addresses promised in an OFFER and not yet asked for (RFC 2131 §3.1 item 2). In memory only: a client whose offer is
// forgotten begins again.

import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { AddressPool } from "./address-pool.ts";

interface Offer {
  readonly mac: Mac;
  readonly untilMs: number;
}

/** One offer per client, one client per address; counted by the pool that the address is of. */
export class Offers {
  readonly #byAddress = new Map<Ipv4, Offer>();
  readonly #byMac = new Map<Mac, Ipv4>();

  readonly #counts = new Map<AddressPool | undefined, number>();
  readonly #poolOf: (address: Ipv4) => AddressPool | undefined;

  constructor(poolOf: (address: Ipv4) => AddressPool | undefined) {
    this.#poolOf = poolOf;
  }

  /** How many of the pool's addresses are held, those over but not yet cleared away included; of `undefined`, those of no pool. */
  countOf(pool: AddressPool | undefined): number {
    return this.#counts.get(pool) ?? 0;
  }

  hold(address: Ipv4, mac: Mac, untilMs: number, nowMs: number): void {
    this.release(mac);
    this.#forget(address);
    this.#clearOld(nowMs);
    this.#byAddress.set(address, { mac, untilMs });
    this.#byMac.set(mac, address);
    this.#count(address, 1);
  }

  heldBy(address: Ipv4, nowMs: number): Mac | undefined {
    const offer = this.#byAddress.get(address);
    return offer !== undefined && offer.untilMs > nowMs ? offer.mac : undefined;
  }

  /** 0 when the address is not on offer. */
  heldUntilMs(address: Ipv4): number {
    return this.#byAddress.get(address)?.untilMs ?? 0;
  }

  offeredTo(mac: Mac, nowMs: number): Ipv4 | undefined {
    const address = this.#byMac.get(mac);
    return address !== undefined && this.heldBy(address, nowMs) === mac ? address : undefined;
  }

  /** The address that was held for the client, if there was one. */
  release(mac: Mac): Ipv4 | undefined {
    const address = this.#byMac.get(mac);
    if (address !== undefined) this.#forget(address);
    return address;
  }

  /** Every address that is held, with those that are over and not yet cleared away. */
  addresses(): IterableIterator<Ipv4> {
    return this.#byAddress.keys();
  }

  /** To be called when an address may be of another pool than it was. */
  recount(): void {
    this.#counts.clear();
    for (const address of this.#byAddress.keys()) this.#count(address, 1);
  }

  #forget(address: Ipv4): void {
    const offer = this.#byAddress.get(address);
    if (offer === undefined) return;
    this.#byAddress.delete(address);
    this.#byMac.delete(offer.mac);
    this.#count(address, -1);
  }

  #count(address: Ipv4, change: 1 | -1): void {
    const pool = this.#poolOf(address);
    this.#counts.set(pool, this.countOf(pool) + change);
  }

  // The map's order is that of holding, so the old ones are in front.
  #clearOld(nowMs: number): void {
    for (const [address, { untilMs }] of this.#byAddress) {
      if (untilMs > nowMs) return;
      this.#forget(address);
    }
  }
}
