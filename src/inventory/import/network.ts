// Networks, ranges and MACs as the other servers write them and the importers compute with them. Pure.

import { type Cidr, directedBroadcast, parseCidr } from "../../net/cidr.ts";
import { ipv4FromNumber, ipv4ToNumber, parseIpv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import { type Mac, parseMac } from "../../net/mac.ts";

/** The network of an address and a mask; undefined when they are none, or when host bits are set. */
export function cidrOfMask(network: string, mask: string): Cidr | undefined {
  const address = parseIpv4(mask);
  if (address === undefined) return undefined;
  const bits = ipv4ToNumber(address).toString(2).padStart(32, "0");
  return /^1*0*$/.test(bits)
    ? parseCidr(`${network}/${bits.replaceAll("0", "").length}`)
    : undefined;
}

/** The network around an address with a prefix, whose host bits may be set; undefined when the text is neither. */
export function cidrAround(text: string): Cidr | undefined {
  const [addressText = "", prefix = "", ...rest] = text.trim().split("/");
  const address = parseIpv4(addressText);
  if (address === undefined || rest.length > 0 || !/^\d{1,2}$/.test(prefix) || Number(prefix) > 32)
    return undefined;
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(ipv4ToNumber(address) / size) * size;
  return { network: ipv4FromNumber(first), prefix: Number(prefix) };
}

/** The part of a range that clients may have: inside the network, without its own and its broadcast address. */
export function usablePart({ start, end }: Ipv4Range, cidr: Cidr): Ipv4Range | undefined {
  const inner = cidr.prefix < 31 ? 1 : 0;
  const first = Math.max(ipv4ToNumber(start), ipv4ToNumber(cidr.network) + inner);
  const last = Math.min(ipv4ToNumber(end), ipv4ToNumber(directedBroadcast(cidr)) - inner);
  return first > last ? undefined : { start: ipv4FromNumber(first), end: ipv4FromNumber(last) };
}

/** The same addresses in ascending ranges that do not touch. */
export function joinRanges(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  const joined: Ipv4Range[] = [];
  for (const range of ranges.toSorted((a, b) => ipv4ToNumber(a.start) - ipv4ToNumber(b.start))) {
    const last = joined.at(-1);
    if (last === undefined || ipv4ToNumber(range.start) > ipv4ToNumber(last.end) + 1)
      joined.push(range);
    else if (ipv4ToNumber(range.end) > ipv4ToNumber(last.end))
      joined[joined.length - 1] = { start: last.start, end: range.end };
  }
  return joined;
}

/** A MAC whose octets may lack their leading zero: both servers take `0:1:2:a:b:c`. */
export function parseLooseMac(text: string): Mac | undefined {
  const octets = text.split(":").map((octet) => octet.padStart(2, "0"));
  return parseMac(octets.join(":"));
}
