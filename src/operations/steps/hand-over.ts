// Hands the lead of each layer over before its node stops: an election that is asked for costs writers less than one that is
// found out by a missing heartbeat (trap 12). Where a layer's API has no such call its members elect another by themselves.

import type { Judgement } from "../../cluster/judge.ts";
import type { Node } from "../../inventory/schema.ts";
import { done, failed, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

export function handOver({ cluster, inventory }: Work, node: Node): Step {
  return {
    id: `hand-over-${node.name}`,
    title: "hand over the lead of the layers that it leads",
    node: node.name,
    deadlineMs: inventory.timeouts.budgetSeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const handed: Record<string, string> = {};
      for (const view of await cluster.fresh()) {
        if (view.leader !== node.name) continue;
        const heir = heirOf(view, node.name);
        if (heir === undefined) {
          handed[view.layer] = "nobody: no other voter is healthy";
          continue;
        }
        const answer = await cluster.transferLeader(view.layer, heir, signal);
        if (!answer.ok && answer.passing !== true && !answer.silent)
          return failed(answer.failed, "look at the cluster: rackstrap cluster status");
        if (!answer.ok) return wait(3000, answer.failed);
        handed[view.layer] =
          answer.value === "transferred" ? heir : "whom its members elect: it has no such call";
      }
      return done({ handed });
    },
  };
}

function heirOf({ healthyVoters }: Judgement, name: string): string | undefined {
  return healthyVoters.find((other) => other !== name);
}
