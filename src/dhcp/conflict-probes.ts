// Which addresses have been asked for on the network before they are offered (RFC 2131 §4.4.1 and §3.1 item 2). The asking
// itself is done by whoever has sockets; here is only what is known of it.

import type { Ipv4 } from "../net/ipv4.ts";

/** How long a machine that uses the address has to answer. Machines on the same network need a few milliseconds. */
export const probeWaitMs = 300;
// An address nobody has answered for is taken as free for this long.
const clearForMs = 600_000;
// The kernel's neighbour table, which a ping goes through, has room for about a thousand entries that are being resolved.
const maxUnderWay = 1000;

interface Probe {
  readonly askedAtMs: number;
}

export class ConflictProbes {
  readonly #underWay = new Map<Ipv4, Probe>();
  readonly #clearUntilMs = new Map<Ipv4, number>();
  #wanted: Ipv4[] = [];

  isClear(address: Ipv4, nowMs: number): boolean {
    return (this.#clearUntilMs.get(address) ?? 0) > nowMs;
  }

  /** Asks for the address unless that is being done or is good for another `forMs`. False when too many are under way. */
  want(address: Ipv4, nowMs: number, forMs = 0): boolean {
    if (this.#underWay.has(address) || this.isClear(address, nowMs + forMs)) return true;
    if (this.#underWay.size >= maxUnderWay) return false;
    this.#underWay.set(address, { askedAtMs: nowMs });
    this.#wanted.push(address);
    return true;
  }

  /** The addresses to ask for now, each once. */
  takeWanted(): readonly Ipv4[] {
    const wanted = this.#wanted;
    if (wanted.length > 0) this.#wanted = [];
    return wanted;
  }

  /** Somebody has answered; true when this was news. */
  answered(address: Ipv4): boolean {
    this.#clearUntilMs.delete(address);
    return this.#underWay.delete(address);
  }

  /** Takes as free what nobody has answered for in time. */
  settle(nowMs: number): void {
    for (const [address, { askedAtMs }] of this.#underWay) {
      if (nowMs - askedAtMs < probeWaitMs) break;
      this.#underWay.delete(address);
      this.#clearUntilMs.delete(address);
      this.#clearUntilMs.set(address, nowMs + clearForMs);
    }
    for (const [address, untilMs] of this.#clearUntilMs) {
      if (untilMs > nowMs) return;
      this.#clearUntilMs.delete(address);
    }
  }

  isUnderWay(address: Ipv4): boolean {
    return this.#underWay.has(address);
  }
}
