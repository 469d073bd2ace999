// Has a node give up the leadership of every layer that it leads, before its services stop: that spares the writers an election.
// Where it can't be handed over, an election follows and nothing fails.

import { findNode } from "../../inventory/find.ts";
import type { Node } from "../../inventory/schema.ts";
import { done, type Step } from "../result.ts";
import type { Work } from "../verb.ts";

export function handOver({ cluster, inventory }: Work, node: Node): Step {
  return {
    id: `hand-over-${node.name}`,
    title: "hand over the leadership of its layers",
    node: node.name,
    deadlineMs: 60_000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const outcomes: Record<string, string> = {};
      for (const { layer, leader, healthyVoters } of await cluster.fresh()) {
        // A leader that is in no inventory is one that nothing here can ask to commit a write.
        const heir = healthyVoters.find(
          (name) => name !== node.name && findNode(inventory, name) !== undefined,
        );
        if (leader !== node.name || heir === undefined) continue;
        const answer = await cluster.transferLeader(layer, { from: node.name, to: heir }, signal);
        outcomes[layer] = answer.ok ? `${answer.value} to ${heir}` : answer.failed;
      }
      return done({ leadership: outcomes });
    },
  };
}
