// Waits until the node is a healthy voter of every layer that it runs, and the cluster has its quorum and one leader.

import type { Node } from "../../inventory/schema.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { voterProblems } from "./verify-cluster.ts";

export function awaitVoter({ cluster, inventory }: Work, node: Node): Step {
  return {
    id: `voter-${node.name}`,
    title: "a healthy voter on every layer that it runs",
    node: node.name,
    deadlineMs: inventory.timeouts.joinSeconds * 1000,
    next: `look at the cluster: rackstrap cluster status; then at the node: rackstrap diagnose ${node.name}`,
    run: async () => {
      // A look from before its services were stopped would call it healthy.
      const views = await cluster.fresh();
      const problems = voterProblems(inventory, views, node);
      return problems.length > 0
        ? wait(3000, problems.join("; "))
        : done({ leaders: Object.fromEntries(views.map(({ layer, leader }) => [layer, leader])) });
    },
  };
}
