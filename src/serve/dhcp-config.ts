// What the DHCP server is told of the site: its interfaces, its networks, and the addresses it may give away.
// Plain data, made once from a checked inventory.

import type { DhcpConfig, Subnet } from "../dhcp/policy.ts";
import {
  type BootNetwork,
  bootNetworks,
  excludedRanges,
  poolRanges,
  servedInterfaces,
} from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type Cidr, directedBroadcast } from "../net/cidr.ts";
import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import type { Ipv4Range } from "../net/ipv4-range.ts";

/** The configuration of DHCP for this inventory; the first subnet is `provisioning`. */
export function dhcpConfig(inventory: Inventory): DhcpConfig {
  const interfaces = servedInterfaces(inventory).map(({ name, address }) => ({ name, address }));
  const taken = [
    ...interfaces.map(({ address }) => address),
    ...inventory.nodes.flatMap(({ provisioningAddress, productionAddress, bmc }) => [
      provisioningAddress,
      // These count where a site has one flat network.
      productionAddress,
      bmc.address,
    ]),
  ].map(single);
  return {
    interfaces,
    subnets: bootNetworks(inventory).map((network) => subnetOf(network, taken)),
    relays: inventory.dhcp.relays,
    firstLeaseSeconds: inventory.discovery.leaseSeconds,
    conflictProbe: inventory.dhcp.conflictProbe,
    allowSecondServer: inventory.dhcp.allowSecondServer,
  };
}

function subnetOf(network: BootNetwork, taken: readonly Span[]): Subnet {
  const { name, settings } = network;
  const { cidr, mode, gateway, dns, domain, searchDomains, ntp, mtu, routes } = settings;
  const { leaseSeconds, minLeaseSeconds, maxLeaseSeconds } = settings;
  const routers = [...(gateway === undefined ? [] : [gateway]), ...routes.map(({ via }) => via)];
  const inUse = [...routers, ...dns, ...ntp, ...unusable(cidr)].map(single);
  const excluded = excludedRanges(settings).map(spanOf);
  return {
    ...{ name, cidr, mode, interface: network.interface, router: gateway },
    ...{ dns, domain, searchDomains, ntp, mtu, routes },
    pools: subtract(poolRanges(settings).map(spanOf), [...excluded, ...inUse, ...taken]).map(
      ({ first, last }) => ({ start: ipv4FromNumber(first), end: ipv4FromNumber(last) }),
    ),
    ...{ leaseSeconds, minLeaseSeconds, maxLeaseSeconds },
  };
}

/** The network's own and broadcast address. A /31 and a /32 have neither (RFC 3021 §2.1). */
function unusable(cidr: Cidr): Ipv4[] {
  return cidr.prefix < 31 ? [cidr.network, directedBroadcast(cidr)] : [];
}

/** Addresses as numbers, first and last included. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/** What is left of ranges that are apart, ascending, when the holes are cut out. Holes may overlap and lie anywhere. */
function subtract(ranges: readonly Span[], holes: readonly Span[]): readonly Span[] {
  return ascending(ranges).flatMap((range) =>
    rest(
      range,
      ascending(holes.filter(({ first, last }) => first <= range.last && last >= range.first)),
    ),
  );
}

function rest(range: Span, cuts: readonly Span[]): Span[] {
  const left: Span[] = [];
  let next = range.first;
  for (const { first, last } of cuts) {
    if (first > next) left.push({ first: next, last: first - 1 });
    next = Math.max(next, last + 1);
  }
  return next > range.last ? left : [...left, { first: next, last: range.last }];
}

function ascending(spans: readonly Span[]): readonly Span[] {
  return spans.toSorted((a, b) => a.first - b.first);
}

function spanOf({ start, end }: Ipv4Range): Span {
  return { first: ipv4ToNumber(start), last: ipv4ToNumber(end) };
}

function single(address: Ipv4): Span {
  return spanOf({ start: address, end: address });
}
