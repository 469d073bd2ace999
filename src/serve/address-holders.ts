// Which declared node has which address: where we give the addresses by reservation or lease, beside another server as that one was
// heard to be asked. Names the machine behind a download, and says whose address a request comes from.

import type { Addresses } from "../boot/access.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { cidrContains } from "../net/cidr.ts";
import { type Ipv4, parseIpv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";

export interface AddressHolders extends Addresses {
  find(address: string): Mac | undefined;
}

/** `leaseAt` knows every lease of a declared node, ended ones too; its times are those of `now`. */
export function createAddressHolders(
  inventory: Inventory,
  leaseAt: (address: Ipv4) => Lease | undefined,
  now: () => number,
): AddressHolders {
  const reserved = new Map<string, Mac>(
    inventory.nodes.map((node) => [node.provisioningAddress, node.mac]),
  );
  const networks = bootNetworks(inventory).map(({ settings }) => settings);
  const isForeign = (address: Ipv4 | undefined) =>
    address !== undefined &&
    networks.find(({ cidr }) => cidrContains(cidr, address))?.mode === "proxy";
  const leasedTo = (address: Ipv4, state: Lease["state"]) => {
    const lease = leaseAt(address);
    return lease?.state === state && lease.expiresAtMs > now() ? lease.mac : undefined;
  };
  const find = (text: string) => {
    const address = parseIpv4(text);
    if (address === undefined) return undefined;
    // The inventory says what we give. What another server gives, it can only hope for.
    if (isForeign(address)) return leasedTo(address, "foreign");
    return reserved.get(address) ?? leasedTo(address, "bound");
  };
  return {
    find,
    standing: (address) => {
      const to = find(address);
      if (to !== undefined) return { kind: "given", to };
      return { kind: isForeign(parseIpv4(address)) ? "not-heard" : "not-given" };
    },
  };
}
