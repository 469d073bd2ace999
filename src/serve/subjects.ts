// What inventory and store know of the machine with a MAC, for the decision what it boots. Decides nothing.

import type { DiscoveryRight, Subject } from "../boot/decide.ts";
import type { DiscoveryBoots } from "../boot/discovery-boots.ts";
import { findNode, findNodeByCard, findNodeByMac, retiredAs } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import type { NodeStore } from "../nodes/ports.ts";

export interface SubjectTools {
  readonly inventory: LiveInventory;
  readonly store: { readonly nodes: Pick<NodeStore, "node" | "intent" | "nodesWithCard"> };
  readonly discoveryBoots: Pick<DiscoveryBoots, "unreported">;
  readonly now: () => number;
}

/** Returns the function that tells of a MAC what is known of its machine. */
export function createSubjects(tools: SubjectTools): (mac: Mac) => Subject {
  const { inventory, store } = tools;
  return (mac) => {
    const node = findNodeByMac(inventory(), mac);
    if (node === undefined) return undeclared(tools, mac);
    return {
      mac,
      node,
      record: store.nodes.node(node.name),
      intent: store.nodes.intent(node.name),
    };
  };
}

/** One that left for good, and a declared one that comes by another card, are no machines to be found. */
function undeclared({ inventory, store, discoveryBoots, now }: SubjectTools, mac: Mac): Subject {
  const subject = { mac, node: undefined, record: undefined, intent: undefined };
  const retired = retiredAs(inventory(), mac);
  if (retired !== undefined) return { ...subject, retired };
  const cardOf =
    findNodeByCard(inventory(), mac) ?? firstDeclared(inventory, store.nodes.nodesWithCard(mac));
  if (cardOf !== undefined) return { ...subject, cardOf };
  const { boot, profile } = inventory().discovery;
  if (!boot) return subject;
  const discovery: DiscoveryRight = {
    profile,
    unreportedBoots: discoveryBoots.unreported(mac, now()),
  };
  return { ...subject, discovery };
}

function firstDeclared(inventory: LiveInventory, names: readonly string[]): Node | undefined {
  for (const name of names) {
    const node = findNode(inventory(), name);
    if (node !== undefined) return node;
  }
  return undefined;
}
