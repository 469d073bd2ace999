// Finds a free address in a subnet's pool without looking at all of it: those never used in ascending order, then the one
// that has been free the longest, so that a returning client finds its old address (RFC 2131 §4.3.1).

import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import type { Ipv4Range } from "../net/ipv4-range.ts";

/** When an address is free: 0 when it was never used, Infinity when it is nobody's to have. */
export type FreeAtMs = (address: Ipv4) => number;

interface Return {
  readonly address: Ipv4;
  readonly freeAtMs: number;
}

export class AddressPool {
  readonly #ranges: readonly { readonly first: number; readonly last: number }[];
  /** A heap by time. It may hold old times of an address; there is an entry with the present time, or an earlier one, as well. */
  readonly #returns: Return[] = [];
  readonly #size: number;
  #range = 0;
  #next: number;

  constructor(ranges: readonly Ipv4Range[]) {
    this.#ranges = ranges.map(({ start, end }) => ({
      first: ipv4ToNumber(start),
      last: ipv4ToNumber(end),
    }));
    this.#next = this.#ranges[0]?.first ?? 0;
    this.#size = this.#ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** How many addresses there are, in use or not. */
  get size(): number {
    return this.#size;
  }

  contains(address: Ipv4): boolean {
    const value = ipv4ToNumber(address);
    return this.#ranges.some(({ first, last }) => value >= first && value <= last);
  }

  /** To be told of every address that is leased, offered, set aside or given back, and of each change of that time. */
  usedUntil(address: Ipv4, freeAtMs: number, freeAt: FreeAtMs): void {
    this.#push({ address, freeAtMs });
    // Renewals leave old times behind.
    if (this.#returns.length > 4 * this.#size + 64) this.#compact(freeAt);
  }

  /** The address to give next; it stays so until it is used. */
  next(nowMs: number, freeAt: FreeAtMs): Ipv4 | undefined {
    for (const address of this.#unused(freeAt)) return address;
    for (;;) {
      const [soonest] = this.#returns;
      if (soonest === undefined || soonest.freeAtMs > nowMs) return undefined;
      const { address } = soonest;
      const freeAtMs = freeAt(address);
      if (freeAtMs === soonest.freeAtMs) return address;
      // An old time. The present one takes its place, for another address may be free for longer.
      this.#pop();
      if (freeAtMs !== Number.POSITIVE_INFINITY) this.#push({ address, freeAtMs });
    }
  }

  /** The first addresses that were never used: `count` of them, or those among the first thousand. */
  upcoming(count: number, freeAt: FreeAtMs): Ipv4[] {
    return this.#unused(freeAt, 1_000).take(count).toArray();
  }

  *#unused(freeAt: FreeAtMs, looks = Number.POSITIVE_INFINITY): Generator<Ipv4, undefined> {
    let front = true;
    let looked = 0;
    for (let r = this.#range; r < this.#ranges.length; r++) {
      const { first, last } = this.#ranges[r] ?? { first: 1, last: 0 };
      for (let value = r === this.#range ? this.#next : first; value <= last; value++) {
        const address = ipv4FromNumber(value);
        const unused = freeAt(address) === 0;
        looked += 1;
        // What lies before the first unused address has been used and is in the heap.
        if (front && (unused || looked === looks)) {
          this.#range = r;
          this.#next = value;
          front = false;
        }
        if (unused) yield address;
        if (looked === looks) return undefined;
      }
    }
    if (front) this.#range = this.#ranges.length;
    return undefined;
  }

  #compact(freeAt: FreeAtMs): void {
    const used = new Set(this.#returns.map(({ address }) => address));
    this.#returns.length = 0;
    for (const address of used) {
      const freeAtMs = freeAt(address);
      if (freeAtMs !== Number.POSITIVE_INFINITY) this.#push({ address, freeAtMs });
    }
  }

  #push(entry: Return): void {
    const heap = this.#returns;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.freeAtMs <= entry.freeAtMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#returns;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const rightIsLess =
        left !== undefined && right !== undefined && right.freeAtMs < left.freeAtMs;
      const child = rightIsLess ? right : left;
      if (child === undefined || child.freeAtMs >= last.freeAtMs) break;
      heap[at] = child;
      at = 2 * at + (rightIsLess ? 2 : 1);
    }
    heap[at] = last;
  }
}
