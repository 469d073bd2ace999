// Requests that are answered when the address meant for them has been probed.

import type { Ipv4 } from "../net/ipv4.ts";

const mostWaiting = 1024;

export class WaitingRequests<R extends { readonly datagram: Buffer }> {
  #entries: { readonly request: R; readonly address: Ipv4 }[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** Keeps a copy: the datagram's memory is used again for the next one. False when there is no room. */
  add(request: R, address: Ipv4): boolean {
    if (this.#entries.length >= mostWaiting) return false;
    this.#entries.push({
      request: { ...request, datagram: Buffer.from(request.datagram) },
      address,
    });
    return true;
  }

  /** Takes out those whose address `isReady`, in the order they came. */
  take(isReady: (address: Ipv4) => boolean): R[] {
    if (this.#entries.length === 0) return [];
    const { ready = [], waiting = [] } = Object.groupBy(this.#entries, ({ address }) =>
      isReady(address) ? "ready" : "waiting",
    );
    this.#entries = waiting;
    return ready.map(({ request }) => request);
  }
}
