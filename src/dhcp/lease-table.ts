// The leases in memory, by address and by machine, and the changes that wait for the next commit. A request is decided
// here at once; its answer leaves after `commit`, when the journal has made the changes durable.

import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";

export interface Lease {
  readonly address: Ipv4;
  readonly mac: Mac;
  /** Option 61 in hexadecimal. */
  readonly clientId?: string;
  readonly hostName?: string;
  /**
   * `declined`: somebody else uses the address; nobody gets it until `expiresAtMs`. `foreign`: the machine was heard to ask
   * another server for the address, in a network where that one gives them.
   */
  readonly state: "bound" | "released" | "declined" | "foreign";
  /** Milliseconds of a clock that never jumps, like every time in this room. */
  readonly expiresAtMs: number;
  readonly lastSeenMs: number;
}

/** Where leases survive a restart. At most one row per address. */
export interface LeaseJournal {
  /** Every row, ended ones too, with its times on the clock of `nowMs`. */
  load(nowMs: number): readonly Lease[];
  /** Stores the rows and removes the addresses in one transaction. Returns once they would survive a power cut; throws and changes nothing otherwise. */
  write(rows: readonly Lease[], removed: readonly Ipv4[], nowMs: number): void;
  /** Throws while nothing can be written. Changes nothing. */
  tryOut(): void;
}

/** Ended leases stay until their address is given to another client: they are how a client gets its old address back. */
export class LeaseTable {
  readonly #byAddress = new Map<Ipv4, Lease>();
  readonly #byMac = new Map<Mac, readonly Lease[]>();
  /** What a row was at the last commit, for each row changed since. */
  readonly #before = new Map<Ipv4, Lease | undefined>();
  /** Whose rows may be in the journal as a commit that failed would have had them: a failed sync says nothing of what was written. */
  readonly #uncertain = new Set<Ipv4>();

  constructor(rows: readonly Lease[]) {
    for (const row of rows) this.#set(row.address, row);
  }

  at(address: Ipv4): Lease | undefined {
    return this.#byAddress.get(address);
  }

  /** Every row of the machine, ended ones too. */
  of(mac: Mac): readonly Lease[] {
    return this.#byMac.get(mac) ?? [];
  }

  all(): IterableIterator<Lease> {
    return this.#byAddress.values();
  }

  /** Inserts or replaces the row of `lease.address`. */
  put(lease: Lease): void {
    this.#change(lease.address, lease);
  }

  remove(address: Ipv4): void {
    this.#change(address, undefined);
  }

  /** The addresses whose rows may have changed since the last commit. */
  changed(): readonly Ipv4[] {
    return [...this.#before.keys()];
  }

  /** Makes the changes durable. When the journal throws, they are undone and the error is passed on. */
  commit(journal: LeaseJournal, nowMs: number): void {
    if (this.#before.size === 0) return;
    this.#write(journal, nowMs, [...this.#before.keys()]);
  }

  /** Writes what an earlier commit that failed may have left otherwise; throws while the journal can't be written. */
  recover(journal: LeaseJournal, nowMs: number): void {
    journal.tryOut();
    if (this.#uncertain.size > 0) this.#write(journal, nowMs, []);
  }

  #write(journal: LeaseJournal, nowMs: number, changed: readonly Ipv4[]): void {
    const rows: Lease[] = [];
    const removed: Ipv4[] = [];
    for (const address of new Set([...changed, ...this.#uncertain])) {
      const row = this.#byAddress.get(address);
      if (row === undefined) removed.push(address);
      else rows.push(row);
    }
    try {
      journal.write(rows, removed, nowMs);
      this.#uncertain.clear();
    } catch (error) {
      for (const [address, row] of this.#before) {
        this.#set(address, row);
        this.#uncertain.add(address);
      }
      throw error;
    } finally {
      this.#before.clear();
    }
  }

  #change(address: Ipv4, row: Lease | undefined): void {
    if (!this.#before.has(address)) this.#before.set(address, this.#byAddress.get(address));
    this.#set(address, row);
  }

  #set(address: Ipv4, row: Lease | undefined): void {
    const previous = this.#byAddress.get(address);
    if (previous !== undefined && previous.mac !== row?.mac) {
      const others = this.of(previous.mac).filter((lease) => lease.address !== address);
      if (others.length === 0) this.#byMac.delete(previous.mac);
      else this.#byMac.set(previous.mac, others);
    }
    if (row === undefined) {
      this.#byAddress.delete(address);
      return;
    }
    this.#byAddress.set(address, row);
    const rows = this.of(row.mac);
    const index = rows.findIndex((lease) => lease.address === address);
    this.#byMac.set(row.mac, index === -1 ? [...rows, row] : rows.with(index, row));
  }
}
