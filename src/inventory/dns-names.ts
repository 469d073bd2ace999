// The names that the site's zones have, and the name servers they are served by. Pure.

import type { Ipv4 } from "../net/ipv4.ts";
import type { Inventory } from "./schema.ts";

export interface NameServer {
  readonly fqdn: string;
  /** Absent where the name is outside the site's domain, or has its address as a node or VIP. */
  readonly address: Ipv4 | undefined;
}

type Settings = Pick<Inventory, "domain" | "dns" | "networks">;

/** The name servers as full names, in the inventory's order. */
export function nameServersOf({ domain, dns, networks }: Settings): readonly NameServer[] {
  const usual = { name: "ns", address: networks.production.dns[0] };
  return (dns.nameServers ?? [usual]).map((entry) => {
    const { name, address } = typeof entry === "string" ? { name: entry } : entry;
    return { fqdn: name.includes(".") ? name : `${name}.${domain}`, address };
  });
}

/** Whether a full name lies in the domain. */
export function liesIn(domain: string, fqdn: string): boolean {
  return fqdn.endsWith(`.${domain}`);
}

/** The host name of a node's BMC. */
export function bmcName(node: string): string {
  return `${node}-bmc`;
}
