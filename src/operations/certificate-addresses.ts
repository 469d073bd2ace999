// The addresses that a node's certificate is good for. Pure.

import { interfacesOf } from "../inventory/interfaces.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";

/**
 * Where the node is reached, the production address first, for clients of the cluster come there: each of its interfaces, and the address
 * (networks.production.vips) of each service that it runs.
 */
export function certificateAddresses(node: Node, inventory: Inventory): readonly Ipv4[] {
  const { vips } = inventory.networks.production;
  const services: readonly string[] = node.services;
  return [
    ...new Set([
      node.productionAddress,
      node.provisioningAddress,
      ...interfacesOf(inventory, node).flatMap(({ address }) => address ?? []),
      ...Object.entries(vips).flatMap(([name, vip]) => (services.includes(name) ? vip : [])),
    ]),
  ];
}
