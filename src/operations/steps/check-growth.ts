// Right before a voter is added: would the cluster go on if it failed at once? Also that it is not a member by now.

import { growthSafety } from "../../cluster/quorum.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { done, failed, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

export function checkGrowth({ cluster, inventory }: Work, node: Node): Step {
  const own = layersOf(inventory, node);
  return {
    id: "growth",
    title: "the cluster may grow",
    node: node.name,
    deadlineMs: inventory.timeouts.budgetSeconds * 1000,
    next: "bring the other members back first: rackstrap cluster status",
    run: async () => {
      const views = await cluster.fresh();
      const member = views.find(({ members }) => members.some(({ id }) => id === node.name));
      if (member !== undefined)
        return failed(
          `node ${node.name} has become a member of ${member.layer} meanwhile: nothing was wiped`,
          `look at it: rackstrap explain ${node.name}`,
        );
      const growing = views.filter(({ layer }) => own.includes(layer));
      const judged = growing.map((view) => ({ layer: view.layer, ...growthSafety(view) }));
      const quorum = judged.map(({ layer, sentence }) => `${layer}: ${sentence}`);
      return judged.every(({ allowed }) => allowed)
        ? done({ quorum })
        : wait(3000, quorum.join("; "), { quorum });
    },
  };
}
