// The node stays a healthy voter of every layer over the site's soak window.

import type { NodeEvent } from "../../nodes/state.ts";
import type { StepContext } from "../provision.ts";
import type { Step } from "../result.ts";
import { healthyVoter, soak } from "./soak.ts";

/** `event`: for the node's timeline; none for a node that was in service before. */
export function soakHealth(
  { node, inventory, cluster }: Pick<StepContext, "node" | "inventory" | "cluster">,
  event?: NodeEvent,
): Step {
  const windowMs = inventory.timeouts.soakSeconds * 1000;
  return {
    ...soak({ look: healthyVoter(cluster.views, inventory, node), windowMs, event }),
    id: "soak",
    title: "stay healthy over the soak window",
    deadlineMs: windowMs * 2 + inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
  };
}
