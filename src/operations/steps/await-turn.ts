// One new voter after the other: whoever was ordered earlier becomes a member first, or fails to.

import type { Node } from "../../inventory/schema.ts";
import { longestInstallSeconds } from "../install-time.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

export function awaitTurn({ operations, operation, inventory }: Work, node: Node): Step {
  const { timeouts } = inventory;
  const turnSeconds =
    longestInstallSeconds(inventory) +
    timeouts.joinSeconds +
    timeouts.verifySeconds * 2 +
    timeouts.soakSeconds * 2;
  return {
    id: "turn",
    title: "wait for those that were ordered before",
    node: node.name,
    deadlineMs: (operation.batch.indexOf(node.name) + 1) * turnSeconds * 1000,
    next: "look at the other operations: rackstrap operations list",
    run: async () => {
      const adding = operations
        .operations({ running: true })
        .filter(({ kind }) => kind === operation.kind || kind === "provision");
      // Newest first: those behind this one are earlier.
      const own = adding.findIndex(({ id }) => id === operation.id);
      const earlier = adding.slice(own + 1).map((other) => other.node);
      return earlier.length > 0 ? wait(2000, `waiting for ${earlier.join(", ")}`) : done();
    },
  };
}
