// Which machine has which address: where we give the addresses by reservation or lease, beside another server as that one was
// heard to be asked. Names the machine behind a download, and says whose address a request comes from.

import type { Addresses } from "../boot/access.ts";
import type { Lease } from "../dhcp/lease-table.ts";
import { type LiveInventory, oncePer } from "../inventory/live.ts";
import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { cidrContains } from "../net/cidr.ts";
import { type Ipv4, parseIpv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";

export interface AddressHolders extends Addresses {
  find(address: string): Mac | undefined;
}

/** `leaseAt` knows the leases, ended ones too. Its times are those of `now`. */
export function createAddressHolders(
  inventory: LiveInventory,
  leaseAt: (address: Ipv4) => Lease | undefined,
  now: () => number,
): AddressHolders {
  const isForeign = (address: Ipv4 | undefined) =>
    address !== undefined &&
    networksOf(inventory()).find(({ cidr }) => cidrContains(cidr, address))?.mode === "proxy";
  const find = (text: string) => {
    const address = parseIpv4(text);
    if (address === undefined) return undefined;
    const row = leaseAt(address);
    const lease = row !== undefined && row.expiresAtMs > now() ? row : undefined;
    // What another server gives, the inventory can only hope for.
    if (isForeign(address)) return lease?.state === "foreign" ? lease.mac : undefined;
    // A reservation waits for a lease from before it, and for a machine that uses the address without one.
    if (lease?.state === "bound") return lease.mac;
    return lease?.state === "declined" ? undefined : reservedOf(inventory()).get(address);
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

const reservedOf = oncePer(
  ({ nodes }: Inventory): ReadonlyMap<Ipv4, Mac> =>
    new Map(nodes.map((node) => [node.provisioningAddress, node.mac])),
);

const networksOf = oncePer((inventory: Inventory) =>
  bootNetworks(inventory).map(({ settings }) => settings),
);
