// Who has which address, as DHCP last told: to name the machine behind a download. Good for a timeline, never for a permission.

import type { Inventory } from "../inventory/schema.ts";
import { BoundedMap } from "../net/bounded-map.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";

export interface AddressHolders {
  /** To be told of every address that was acknowledged. */
  note(address: Ipv4, mac: Mac): void;
  find(address: Ipv4): Mac | undefined;
}

const remembered = 4096;

export function createAddressHolders(inventory: Inventory): AddressHolders {
  const reserved = new Map(inventory.nodes.map((node) => [node.provisioningAddress, node.mac]));
  const leased = new BoundedMap<Ipv4, Mac>(remembered);
  return {
    note: (address, mac) => leased.set(address, mac),
    find: (address) => reserved.get(address) ?? leased.get(address),
  };
}
