// The names and addresses that the site publishes, in groups as a person would list them. Pure.

import { bmcName } from "../inventory/dns-names.ts";
import type { Inventory, Role } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";

export interface HostName {
  /** Host name without the domain. */
  readonly name: string;
  readonly fqdn: string;
  readonly address: Ipv4;
}

export interface NameGroup {
  readonly title: string;
  readonly names: readonly HostName[];
}

const roleTitles: readonly (readonly [Role, string])[] = [
  ["control-plane", "Control plane nodes"],
  ["all-in-one", "All-in-one nodes"],
  ["worker", "Worker nodes"],
];

/** Groups without a name in them are left out. */
export function nameGroups({ domain, nodes, networks, dns }: Inventory): readonly NameGroup[] {
  const named = (name: string, address: Ipv4): HostName => ({
    name,
    fqdn: `${name}.${domain}`,
    address,
  });
  const groups: NameGroup[] = [
    ...roleTitles.map(([role, title]) => ({
      title,
      names: nodes
        .filter((node) => node.role === role)
        .map(({ name, productionAddress }) => named(name, productionAddress)),
    })),
    {
      title: "Addresses of services",
      names: Object.entries(networks.production.vips).map(([name, address]) =>
        named(name, address),
      ),
    },
    {
      title: "BMCs",
      names: dns.bmcNames ? nodes.map(({ name, bmc }) => named(bmcName(name), bmc.address)) : [],
    },
  ];
  return groups.filter(({ names }) => names.length > 0);
}
