// One network of the old configuration in the inventory's words, made to keep the rules of the inventory. Pure.

import { cidrContains, directedBroadcast, formatCidr } from "../../net/cidr.ts";
import { type Ipv4, ipv4ToNumber } from "../../net/ipv4.ts";
import { type Ipv4Range, rangeContains } from "../../net/ipv4-range.ts";
import type { OldNetwork, Settings } from "./model.ts";
import { joinRanges, usablePart } from "./network.ts";
import type { Note } from "./source.ts";

/** A network as the inventory file has it: `networks.provisioning`, or an entry of `dhcp.subnets`. */
export interface NetworkEntry {
  readonly cidr: string;
  readonly interface?: string;
  readonly gateway?: Ipv4;
  readonly pool?: readonly Ipv4Range[];
  readonly exclude?: readonly Ipv4[];
  readonly dns?: readonly Ipv4[];
  readonly domain?: string;
  readonly searchDomains?: readonly string[];
  readonly ntp?: readonly Ipv4[];
  readonly mtu?: number;
  readonly routes?: readonly { readonly to: string; readonly via: Ipv4 }[];
  readonly leaseSeconds: number;
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
}

// The least the inventory takes, and what leaseSeconds is where nothing says.
const shortestSeconds = 60;
const usualSeconds = 600;
// dhcpd and Kea agree with rackstrap that a lease of a few minutes is short.
const usualMinSeconds = 300;

/** `reserved` are the addresses of all reservations; those inside the pool are cut out of it, as routers are. */
export function carryNetwork(
  network: OldNetwork,
  reserved: readonly Ipv4[],
): { readonly entry: NetworkEntry; readonly notes: readonly Note[] } {
  const { cidr, settings, place } = network;
  const notes: Note[] = [];
  const note = (what: string, instead: string) => notes.push({ place, what, instead });
  const gateway = isHostAddress(network, settings.gateway) ? settings.gateway : undefined;
  if (settings.gateway !== undefined && gateway === undefined)
    note(
      `gateway ${settings.gateway}`,
      `it is no address for a router in ${formatCidr(cidr)}: set gateway`,
    );
  const pool = carryPools(network, note);
  const routes = (settings.routes ?? []).filter(({ to, via }) => {
    const reachable = cidrContains(cidr, via);
    if (!reachable)
      note(
        `route to ${formatCidr(to)}`,
        `its router ${via} is not in ${formatCidr(cidr)}: name one that is`,
      );
    return reachable;
  });
  const routers = [...(gateway === undefined ? [] : [gateway]), ...routes.map(({ via }) => via)];
  const excluded = [...new Set([...routers, ...reserved])]
    .filter((address) => pool.some((range) => rangeContains(range, address)))
    .toSorted((a, b) => ipv4ToNumber(a) - ipv4ToNumber(b));
  const { dns, domain, searchDomains, ntp, mtu } = settings;
  const entry: NetworkEntry = {
    cidr: formatCidr(cidr),
    ...(settings.interface === undefined ? {} : { interface: settings.interface }),
    ...(gateway === undefined ? {} : { gateway }),
    ...(pool.length === 0 ? {} : { pool }),
    ...(excluded.length === 0 ? {} : { exclude: excluded }),
    ...(dns === undefined ? {} : { dns }),
    ...(domain === undefined ? {} : { domain }),
    ...(searchDomains === undefined ? {} : { searchDomains }),
    ...(ntp === undefined ? {} : { ntp }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(routes.length === 0
      ? {}
      : { routes: routes.map(({ to, via }) => ({ to: formatCidr(to), via })) }),
    ...leaseTimes(settings, note),
  };
  return { entry, notes };
}

function isHostAddress({ cidr }: OldNetwork, address: Ipv4 | undefined): boolean {
  if (address === undefined || !cidrContains(cidr, address)) return false;
  return cidr.prefix > 30 || ![cidr.network, directedBroadcast(cidr)].includes(address);
}

function carryPools(
  { cidr, pools }: OldNetwork,
  note: (what: string, instead: string) => void,
): Ipv4Range[] {
  const usable = pools.flatMap((range) => {
    const part = usablePart(range, cidr);
    if (part?.start !== range.start || part.end !== range.end)
      note(
        `range ${range.start} ${range.end}`,
        part === undefined
          ? `it has no address for a client in ${formatCidr(cidr)}: left out`
          : `only ${part.start}-${part.end} of it are addresses for clients in ${formatCidr(cidr)}`,
      );
    return part ?? [];
  });
  return joinRanges(usable);
}

/** The old server's times, its defaults included, brought into the order minimum, usual, maximum. */
function leaseTimes(
  settings: Settings,
  note: (what: string, instead: string) => void,
): Pick<NetworkEntry, "leaseSeconds" | "minLeaseSeconds" | "maxLeaseSeconds"> {
  const wanted = settings.leaseSeconds ?? usualSeconds;
  const maximum = Math.max(settings.maxLeaseSeconds ?? wanted, shortestSeconds);
  const leaseSeconds = Math.min(Math.max(wanted, shortestSeconds), maximum);
  if (leaseSeconds > wanted)
    note(`lease time ${wanted}`, `the shortest lease here is ${shortestSeconds} seconds`);
  const least = settings.minLeaseSeconds ?? Math.min(leaseSeconds, usualMinSeconds);
  return {
    leaseSeconds,
    minLeaseSeconds: Math.min(Math.max(least, shortestSeconds), leaseSeconds),
    maxLeaseSeconds: maximum,
  };
}
