// Finds declared nodes by what people and machines call them.

import type { Mac } from "../net/mac.ts";
import { parseMac } from "../net/mac.ts";
import { oncePer } from "./live.ts";
import type { Inventory, Node } from "./schema.ts";

export function findNode(inventory: Inventory, name: string): Node | undefined {
  return inventory.nodes.find((node) => node.name === name || node.fqdn === name);
}

/** Asked with each packet and request of a rack that boots. */
export function findNodeByMac({ nodes }: Pick<Inventory, "nodes">, mac: Mac): Node | undefined {
  return nodesByMac(nodes).get(mac);
}

const nodesByMac = oncePer(
  (nodes: Inventory["nodes"]): ReadonlyMap<Mac, Node> =>
    new Map(nodes.map((node) => [node.mac, node])),
);

/** A node by name, full name or MAC in any notation. */
export function findSubject(inventory: Inventory, text: string): Node | undefined {
  const mac = parseMac(text);
  return mac === undefined ? findNode(inventory, text) : findNodeByMac(inventory, mac);
}
