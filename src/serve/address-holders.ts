// Who has which address, by reservation or as DHCP last told: names the machine behind a download, and says whether a
// request that asks in a machine's name comes from that machine's address.

import type { Addresses, Standing } from "../boot/access.ts";
import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory } from "../inventory/schema.ts";
import { BoundedMap } from "../net/bounded-map.ts";
import { cidrContains } from "../net/cidr.ts";
import { type Ipv4, parseIpv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";

export interface AddressHolders extends Addresses {
  /** To be told of every address that was acknowledged. */
  note(address: Ipv4, mac: Mac): void;
  find(address: string): Mac | undefined;
}

const remembered = 4096;

export function createAddressHolders(inventory: Inventory): AddressHolders {
  const reserved = new Map<string, Mac>(
    inventory.nodes.map((node) => [node.provisioningAddress, node.mac]),
  );
  const leased = new BoundedMap<string, Mac>(remembered);
  /** By intent. Only nodes have one, so there are few. */
  const first = new BoundedMap<string, string>(remembered);
  const networks = bootNetworks(inventory).map(({ settings }) => settings);
  const find = (address: string) => reserved.get(address) ?? leased.get(address);
  /** Whether another server gives the addresses where `text` lies. */
  const isForeign = (text: string) => {
    const address = parseIpv4(text);
    if (address === undefined) return false;
    return networks.find(({ cidr }) => cidrContains(cidr, address))?.mode === "proxy";
  };
  return {
    note: (address, mac) => leased.set(address, mac),
    find,
    standing: (address, intentId): Standing => {
      const to = find(address);
      if (to !== undefined) return { kind: "given", to };
      if (!isForeign(address)) return { kind: "not-given" };
      return {
        kind: "foreign",
        first: intentId === undefined ? undefined : first.get(intentId),
      };
    },
    bind: (address, intentId) => {
      if (find(address) === undefined && isForeign(address)) first.set(intentId, address);
    },
  };
}
