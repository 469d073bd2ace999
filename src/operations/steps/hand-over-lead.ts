// Before a leader is taken away its lead goes to another voter, where the cluster's API can do that: no election is then waited for.

import type { Node } from "../../inventory/schema.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

export function handOverLead({ cluster, inventory }: Work, node: Node): Step {
  return {
    id: `hand-over-${node.name}`,
    title: "another voter leads",
    node: node.name,
    deadlineMs: (inventory.timeouts.budgetSeconds + 60) * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const leads: Record<string, string> = {};
      for (const { layer, leader, healthyVoters } of await cluster.fresh()) {
        const heir = healthyVoters.find((name) => name !== node.name);
        if (leader !== node.name || heir === undefined) continue;
        const answer = await cluster.transferLeader(layer, heir, signal);
        if (!answer.ok) return wait(3000, answer.failed);
        leads[layer] = answer.value === "transferred" ? heir : "elected when this one is removed";
      }
      return done({ leads });
    },
  };
}
