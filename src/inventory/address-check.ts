// What is asked of one address, wherever it stands in the inventory: its network, its owner, the pool.

import { type Cidr, cidrContains, directedBroadcast, formatCidr } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { formatRange, rangeContains } from "../net/ipv4-range.ts";
import type { Finding } from "./check.ts";
import type { NetworkSettings } from "./network-schema.ts";
import { excludedRanges, poolRanges } from "./networks.ts";

type Path = Finding["path"];

/** Finds an address that no host of the network can have. */
export function outside(path: Path, address: Ipv4, cidr: Cidr, network: string): Finding[] {
  if (!cidrContains(cidr, address))
    return [
      {
        path,
        message: `${address} is outside the ${network} network ${formatCidr(cidr)}: use an address of that network`,
      },
    ];
  const reserved = cidr.prefix < 31 && [cidr.network, directedBroadcast(cidr)].includes(address);
  return reserved
    ? [
        {
          path,
          message: `${address} is the ${network} network's own or broadcast address: use one between them`,
        },
      ]
    : [];
}

/** Finds an address that `owner` has already. */
export function taken(
  path: Path,
  address: Ipv4,
  other: Ipv4 | undefined,
  owner: string,
): Finding[] {
  return address === other
    ? [{ path, message: `${address} is the address of ${owner}: choose another` }]
    : [];
}

/** Finds an address that a machine without a reservation could be given; `remedy` ends the sentence. */
export function pooled(
  path: Path,
  address: Ipv4,
  settings: NetworkSettings,
  remedy: string,
): Finding[] {
  if (excludedRanges(settings).some((range) => rangeContains(range, address))) return [];
  const range = poolRanges(settings).find((candidate) => rangeContains(candidate, address));
  return range === undefined
    ? []
    : [{ path, message: `${address} lies inside the pool ${formatRange(range)}: ${remedy}` }];
}
