// The machine that a node was before: is it the one that its inventory entry names now, so that its BMC can switch it off?

import type { Node } from "../inventory/schema.ts";
import type { NodeStore } from "../nodes/ports.ts";
import type { OrderRefusal } from "./verb.ts";

/**
 * What of the entry is otherwise than at the last install from here: then the former machine is another one, which the declared BMC
 * can't switch off. Empty for the same machine, and for one that was never installed from here.
 */
export function changesSinceInstall(
  nodes: Pick<NodeStore, "lastInstall" | "events">,
  node: Pick<Node, "name" | "mac" | "bmc">,
): readonly string[] {
  const last = nodes.lastInstall(node.name);
  if (last === undefined) return [];
  const [wipe] = nodes.events({ node: node.name, kinds: ["wipe-started"], limit: 1 });
  const bmc = wipe?.detail["bmc"];
  return [
    ...(last.mac === node.mac ? [] : [`its MAC was ${last.mac} and is ${node.mac}`]),
    ...(typeof bmc !== "string" || bmc === node.bmc.address
      ? []
      : [`its BMC was ${bmc} and is ${node.bmc.address}`]),
  ];
}

/** The former machine must be seen off through its BMC, or be said to be gone by typing the node's name. `gone`: the names typed. */
export function formerMachineRefusals(
  nodes: Pick<NodeStore, "lastInstall" | "events">,
  node: Node,
  gone: readonly string[],
): OrderRefusal[] {
  const stray = gone.find((name) => name !== node.name);
  if (stray !== undefined)
    return [
      {
        reason: `--gone ${stray} is not about node ${node.name}`,
        next: "type the same name for both",
      },
    ];
  const changes = changesSinceInstall(nodes, node);
  if (changes.length === 0 || gone.includes(node.name)) return [];
  return [
    {
      reason: `node ${node.name} was another machine at its last install (${changes.join(", ")}): its declared BMC can't see that one off`,
      next: `make sure that the former machine is off and stays off, then say so: --gone ${node.name}`,
    },
  ];
}
