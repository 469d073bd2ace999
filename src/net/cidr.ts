// An IPv4 network in CIDR notation: membership, mask and broadcast. Does not allocate addresses.

import { type Ipv4, ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "./ipv4.ts";

export interface Cidr {
  readonly network: Ipv4;
  readonly prefix: number;
}

/** Parses `10.0.100.0/24`. Undefined when the text is no CIDR or has host bits set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = "", prefixText = "", ...rest] = text.split("/");
  const network = parseIpv4(address);
  if (network === undefined || rest.length > 0 || !/^(?:\d|[12]\d|3[0-2])$/.test(prefixText))
    return undefined;
  const prefix = Number(prefixText);
  return (ipv4ToNumber(network) & hostBits(prefix)) === 0 ? { network, prefix } : undefined;
}

/** The network as `10.0.100.0/24`. */
export function formatCidr(cidr: Cidr): string {
  return `${cidr.network}/${cidr.prefix}`;
}

/** True when `address` lies in the network, its own and broadcast address included. */
export function cidrContains(cidr: Cidr, address: Ipv4): boolean {
  const outside = (ipv4ToNumber(cidr.network) ^ ipv4ToNumber(address)) & ~hostBits(cidr.prefix);
  return outside === 0;
}

/** Subnet mask, option 1 of RFC 2132. */
export function netmask(cidr: Cidr): Ipv4 {
  return ipv4FromNumber(~hostBits(cidr.prefix) >>> 0);
}

/** The all-ones address of the network, option 28 of RFC 2132. */
export function directedBroadcast(cidr: Cidr): Ipv4 {
  return ipv4FromNumber((ipv4ToNumber(cidr.network) | hostBits(cidr.prefix)) >>> 0);
}

/** The bits of the host part, as the signed number that JavaScript's bit operators work with. */
function hostBits(prefix: number): number {
  return (2 ** (32 - prefix) - 1) | 0;
}
