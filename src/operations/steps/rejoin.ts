// A node without data is added to the cluster that the founder formed, and becomes a healthy voter of each layer.

import type { Judgement } from "../../cluster/judge.ts";
import type { Node } from "../../inventory/schema.ts";
import { startUnits } from "../backup/node-scripts.ts";
import { restoredLayers } from "../backup/restoration.ts";
import { done, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { layerUnits } from "./restore-data.ts";
import { shellFailure } from "./services.ts";
import { voterProblems } from "./verify-cluster.ts";

export function rejoin(work: Work, node: Node): Step {
  const { cluster, inventory } = work;
  const layers = restoredLayers(inventory).filter((layer) => node.services.includes(layer));
  return {
    id: `rejoin-${node.name}`,
    title: `start ${layerUnits(node, inventory, layers).join(", ")} and join`,
    node: node.name,
    deadlineMs: inventory.timeouts.joinSeconds * 1000,
    next: `on node ${node.name} read: journalctl -n 100 ${layers.map((layer) => `-u ${layer}`).join(" ")}`,
    run: async (_attempt, signal) => {
      const started = await start(work, node, layers, signal);
      if (started !== undefined) return started;
      const isOwn = ({ layer }: Judgement) => layers.some((own) => own === layer);
      const views = (await cluster.fresh()).filter(isOwn);
      const outside = views.find(({ members }) => members.every(({ id }) => id !== node.name));
      if (outside !== undefined) {
        const added = await cluster.addMember(outside.layer, node.name, signal);
        return wait(added.ok ? 500 : 3000, added.ok ? `added to ${outside.layer}` : added.failed);
      }
      const problems = voterProblems(inventory, views, node);
      return problems.length > 0 ? wait(3000, problems.join("; ")) : done({ layers });
    },
  };
}

async function start(
  { shell, inventory }: Work,
  node: Node,
  layers: readonly string[],
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  const command = startUnits(layerUnits(node, inventory, layers));
  const answer = await shell.run(node, command, { timeoutMs }, signal);
  return answer.ok ? undefined : shellFailure(node, answer);
}
