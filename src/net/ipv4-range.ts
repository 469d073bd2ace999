// A range of IPv4 addresses, as pools and exclusions are written.

import { type Ipv4, ipv4ToNumber } from "./ipv4.ts";

/** First and last address, both included. */
export interface Ipv4Range {
  readonly start: Ipv4;
  readonly end: Ipv4;
}

export function rangeContains({ start, end }: Ipv4Range, address: Ipv4): boolean {
  const value = ipv4ToNumber(address);
  return value >= ipv4ToNumber(start) && value <= ipv4ToNumber(end);
}

/** The range as `10.0.100.100-10.0.100.200`. */
export function formatRange({ start, end }: Ipv4Range): string {
  return `${start}-${end}`;
}
