// The values a client may ask for by option 55 (RFC 2132 §9.8): what the network and the reservation say.

import { type Cidr, directedBroadcast, netmask } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { addressData, option, textData } from "./options.ts";
import type { Subnet } from "./policy.ts";

export interface ParameterSource {
  readonly subnet: Subnet;
  readonly hostName: string | undefined;
}

/** The data of option `number`, or undefined when there is none for this client. `asked` is all it asks for. */
export function parameter(
  number: number,
  asked: readonly number[],
  { subnet, hostName }: ParameterSource,
): Buffer | undefined {
  switch (number) {
    case option.subnetMask:
      return addressData(netmask(subnet.cidr));
    case option.broadcastAddress:
      return addressData(directedBroadcast(subnet.cidr));
    case option.router:
      // RFC 3442: who asks for classless routes as well finds the router among them.
      if (subnet.routes.length > 0 && asked.includes(option.classlessRoutes)) return undefined;
      return subnet.router && addressData(subnet.router);
    case option.domainNameServer:
      return addressList(subnet.dns);
    case option.ntpServer:
      return addressList(subnet.ntp);
    case option.domainName:
      return subnet.domain === undefined ? undefined : textData(subnet.domain);
    case option.hostName:
      return hostName === undefined ? undefined : textData(hostName);
    case option.interfaceMtu:
      return subnet.mtu === undefined ? undefined : Buffer.of(subnet.mtu >> 8, subnet.mtu & 255);
    case option.domainSearch:
      return searchList(subnet.searchDomains);
    case option.classlessRoutes:
      return classlessRoutes(subnet);
    default:
      return undefined;
  }
}

// RFC 3442: a router option is not looked at beside this one, so the default route is told here too.
function classlessRoutes({ routes, router }: Subnet): Buffer | undefined {
  if (routes.length === 0) return undefined;
  const hasDefault = routes.some(({ to }) => to.prefix === 0);
  const written = routes.map(({ to, via }) => route(to, via));
  if (router !== undefined && !hasDefault)
    written.push(Buffer.concat([Buffer.of(0), addressData(router)]));
  return Buffer.concat(written);
}

/** Prefix length, the octets of the network that it covers, the router. */
function route({ network, prefix }: Cidr, via: Ipv4): Buffer {
  const significant = addressData(network).subarray(0, Math.ceil(prefix / 8));
  return Buffer.concat([Buffer.of(prefix), significant, addressData(via)]);
}

/** RFC 3397 §2: names as in DNS (RFC 1035 §3.1), whose compression is allowed and not needed. */
function searchList(domains: readonly string[]): Buffer | undefined {
  if (domains.length === 0) return undefined;
  const labels = domains.flatMap((domain) => [...domain.split("."), ""]);
  return Buffer.concat(
    labels.map((label) => Buffer.concat([Buffer.of(label.length), textData(label)])),
  );
}

function addressList(values: readonly Ipv4[]): Buffer | undefined {
  return values.length === 0 ? undefined : addressData(...values);
}
