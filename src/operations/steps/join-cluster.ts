// Waits until the node is a healthy voter on every layer, as told by the cluster itself.

import type { Layer } from "../../cluster/driver.ts";
import type { Judgement } from "../../cluster/judge.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { StepContext } from "../provision.ts";
import { memberTables } from "../removal.ts";
import { done, type Step, wait } from "../result.ts";

export function joinCluster(context: StepContext): Step {
  const { node, inventory } = context;
  const units = inventory.cluster.layers.map(unitOf);
  return {
    id: "join",
    title: "join the Raft layers",
    deadlineMs: inventory.timeouts.joinSeconds * 1000,
    next: `on node ${node.name} read: journalctl ${units.join(" ")}`,
    run: async () => {
      const views = await context.cluster.views();
      if (views.some((view) => view.verdict !== "no-cluster"))
        context.clusters.markInitialised(inventory.cluster.name);
      const own = layersOf(inventory, node);
      const joining = views.filter(({ layer }) => own.includes(layer));
      const missing = joining.flatMap((view) => obstacle(view, node.name));
      return missing.length > 0
        ? wait(3000, missing.join("; "), { members: memberTables(views) })
        : done({ layers: joining.map((view) => view.layer) }, "cluster-joined");
    },
  };
}

function obstacle(view: Judgement, name: string): string[] {
  const member = view.members.find((candidate) => candidate.id === name);
  if (member === undefined) {
    const names = view.members.map((other) => other.id).toSorted();
    const present = names.join(", ") || "none";
    return [`${name} is no member of ${view.layer} yet (members: ${present})`];
  }
  if (member.role === "learner") return [`${name} is still a learner of ${view.layer}`];
  return view.healthyVoters.includes(name)
    ? []
    : [`${name} is a member of ${view.layer} but not healthy: ${view.reasons.join(", ")}`];
}

/** Where the join is told of in the node's journal, as an option of journalctl. */
function unitOf(layer: Layer): string {
  return layer === "etcd" ? "-u etcd" : `-u ${layer}-cluster-join`;
}
