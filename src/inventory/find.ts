// Finds declared nodes by what people and machines call them.

import type { Mac } from "../net/mac.ts";
import { parseMac } from "../net/mac.ts";
import type { Inventory, Node } from "./schema.ts";

export function findNode(inventory: Inventory, name: string): Node | undefined {
  return inventory.nodes.find((node) => node.name === name || node.fqdn === name);
}

export function findNodeByMac(inventory: Pick<Inventory, "nodes">, mac: Mac): Node | undefined {
  return inventory.nodes.find((node) => node.mac === mac);
}

/** A node by name, full name or MAC in any notation. */
export function findSubject(inventory: Inventory, text: string): Node | undefined {
  const mac = parseMac(text);
  return mac === undefined ? findNode(inventory, text) : findNodeByMac(inventory, mac);
}
