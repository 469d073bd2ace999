// The networks of an inventory that machines boot in, as one list: the provisioning network and those of dhcp.subnets.

import { cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Ipv4Range } from "../net/ipv4-range.ts";
import type { NetworkSettings } from "./network-schema.ts";
import type { ParsedInventory } from "./schema.ts";

export interface BootNetwork {
  readonly name: string;
  /** Where it stands in the file. */
  readonly path: readonly string[];
  /** The interface it is attached to; undefined when it is behind a relay. */
  readonly interface: string | undefined;
  readonly settings: NetworkSettings;
}

export interface ServedInterface {
  readonly name: string;
  /** This server's address there. */
  readonly address: Ipv4;
  /** Where the address stands in the file. */
  readonly path: readonly string[];
}

type Settings = Pick<ParsedInventory, "server" | "networks" | "dhcp">;

/** Every network that machines boot in, `provisioning` first. */
export function bootNetworks({ server, networks, dhcp }: Settings): readonly BootNetwork[] {
  return [
    {
      name: "provisioning",
      path: ["networks", "provisioning"],
      interface: server.interface,
      settings: networks.provisioning,
    },
    ...Object.entries(dhcp.subnets).map(([name, settings]) => ({
      name,
      path: ["dhcp", "subnets", name],
      interface: settings.interface,
      settings,
    })),
  ];
}

/** Every interface that is served, the one of the provisioning network first. */
export function servedInterfaces({
  server,
}: Pick<ParsedInventory, "server">): readonly ServedInterface[] {
  return [
    { name: server.interface, address: server.address, path: ["server", "address"] },
    ...Object.entries(server.interfaces).map(([name, address]) => ({
      name,
      address,
      path: ["server", "interfaces", name],
    })),
  ];
}

/** This server's address on the interface that `address` is attached to; behind a relay, the one of the provisioning network. */
export function serverAddressFor(inventory: Settings, address: Ipv4): Ipv4 {
  const network = bootNetworks(inventory).find(({ settings }) =>
    cidrContains(settings.cidr, address),
  );
  const served = servedInterfaces(inventory).find(({ name }) => name === network?.interface);
  return served?.address ?? inventory.server.address;
}

/** The ranges of a pool that is written as one range, as a list, or not at all. */
export function poolRanges({ pool }: NetworkSettings): readonly Ipv4Range[] {
  return [pool ?? []].flat();
}

/** The ranges that are cut out of the pool. */
export function excludedRanges({ exclude }: NetworkSettings): readonly Ipv4Range[] {
  return exclude.map((entry) => (typeof entry === "string" ? { start: entry, end: entry } : entry));
}
