// Judges the cluster: a healthy voter on every layer, one agreed leader, a write read back through a follower.

import type { Layer } from "../../cluster/driver.ts";
import type { Judgement } from "../../cluster/judge.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";

type Seen = Pick<StepContext, "node" | "inventory" | "cluster">;

export function verifyCluster(context: Seen): Step {
  const { inventory } = context;
  const { layers } = inventory.cluster;
  return {
    id: "verify",
    title: "verify every layer of the cluster",
    deadlineMs: inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const problems = (
        await Promise.all(layers.map((layer) => problemsOf(context, layer, signal)))
      ).flat();
      return problems.length > 0 ? wait(3000, problems.join("; ")) : done();
    },
  };
}

async function problemsOf(context: Seen, layer: Layer, signal: AbortSignal): Promise<string[]> {
  const view = await context.cluster.view(layer);
  const problems = healthProblems(view, context.node.name);
  return problems.length > 0 ? problems : await commitProblems(context.cluster, view, signal);
}

/** Why the layer takes no write, though its members call themselves healthy: a leader may be alive and commit nothing (reliability F14). */
export async function commitProblems(
  cluster: Pick<StepContext["cluster"], "roundTrip">,
  view: Judgement,
  signal: AbortSignal,
): Promise<string[]> {
  const { layer } = view;
  if (view.leader === undefined) return [`${layer}: no leader`];
  // The only voter of a cluster has nobody else to show its writes.
  const alone = view.voters.length === 1 ? view.leader : undefined;
  const follower = view.healthyVoters.find((name) => name !== view.leader) ?? alone;
  if (follower === undefined) return [`${layer}: no healthy follower to read a write back through`];
  const trip = await cluster.roundTrip(layer, view.leader, follower, signal);
  return trip.ok ? [] : [trip.failed];
}

/** Why `name` is not a healthy voter of a layer that has its quorum and one leader; empty when it is. */
export function healthProblems(view: Judgement, name: string): string[] {
  const reasons = view.reasons.join(", ");
  if (view.verdict === "no-cluster" || view.verdict === "no-quorum")
    return [`${view.layer}: ${reasons || view.verdict}`];
  if (view.leader === undefined)
    return [`${view.layer}: no leader that all members agree on (${reasons})`];
  return view.healthyVoters.includes(name)
    ? []
    : [`${name} is not a healthy voter of ${view.layer} (${reasons})`];
}
