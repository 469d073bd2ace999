// Which other DHCP servers have been heard of late, for people to see. Whoever makes servers up fills no memory.

import { BoundedMap } from "../net/bounded-map.ts";
import type { Ipv4 } from "../net/ipv4.ts";

/** A DHCP server that is not this one. */
export interface ForeignServer {
  readonly address: Ipv4;
  /** The interface it was heard on. */
  readonly interface: string;
  /** Milliseconds since the epoch. */
  readonly lastHeardMs: number;
}

export interface ForeignServerList {
  note(address: Ipv4, device: string): void;
  /** Those heard in the last five minutes, the latest last. */
  list(): readonly ForeignServer[];
}

// It is tempted once a minute: so long it may miss a few.
const rememberedMs = 300_000;
const remembered = 64;

export function createForeignServerList(now: () => number): ForeignServerList {
  const heard = new BoundedMap<string, ForeignServer>(remembered);
  return {
    note(address, device) {
      heard.set(`${address} ${device}`, { address, interface: device, lastHeardMs: now() });
    },
    list: () => [...heard.values()].filter(({ lastHeardMs }) => now() - lastHeardMs < rememberedMs),
  };
}
