// Which reverse zone an address has its PTR record in. Pure.

import { type Cidr, cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";

/** The name that has the PTR record of `address` (RFC 1035 §3.5). */
export function reverseName(address: Ipv4): string {
  return `${address.split(".").toReversed().join(".")}.in-addr.arpa`;
}

/**
 * The zone of `address`, which lies in `network`. Zones end at octets, so a network of another size has the next smaller zone for
 * each part of it, and one smaller than /24 has the /24 around it: no parent has to delegate by RFC 2317.
 */
export function reverseZone(network: Cidr, address: Ipv4): string {
  const octets = Math.min(Math.max(Math.ceil(network.prefix / 8), 1), 3);
  return `${address.split(".").slice(0, octets).toReversed().join(".")}.in-addr.arpa`;
}

/** The smallest of `networks` that holds the address; a /24 around it where none does. */
export function networkOf(networks: readonly Cidr[], address: Ipv4): Cidr {
  const holding = networks.filter((network) => cidrContains(network, address));
  return holding.toSorted((a, b) => b.prefix - a.prefix)[0] ?? { network: address, prefix: 24 };
}
