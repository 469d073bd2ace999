// Judges the cluster: a healthy voter on every layer, one agreed leader, a write read back through a follower.

import type { Judgement } from "../../cluster/judge.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import type { StepContext } from "../provision.ts";
import { memberTables } from "../removal.ts";
import { done, type Step, wait } from "../result.ts";

type Seen = Pick<StepContext, "node" | "inventory" | "cluster">;

export function verifyCluster(context: Seen): Step {
  const { inventory, cluster } = context;
  const { layers } = inventory.cluster;
  return {
    id: "verify",
    title: "verify every layer of the cluster",
    deadlineMs: inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const views = await Promise.all(layers.map((layer) => cluster.view(layer)));
      const problems = (
        await Promise.all(views.map((view) => problemsOf(context, view, signal)))
      ).flat();
      return problems.length > 0
        ? wait(3000, problems.join("; "), { members: memberTables(views) })
        : done();
    },
  };
}

async function problemsOf(context: Seen, view: Judgement, signal: AbortSignal): Promise<string[]> {
  const problems = voterProblems(context.inventory, [view], context.node);
  return problems.length > 0 ? problems : await commitProblems(context.cluster, [view], signal);
}

/** Why layers take no write, read back through a node that stays, though their members call themselves healthy: a leader may be alive and commit nothing (reliability F14). */
export async function commitProblems(
  cluster: Pick<StepContext["cluster"], "roundTrip">,
  views: readonly Judgement[],
  signal: AbortSignal,
  taking: readonly string[] = [],
): Promise<string[]> {
  const each = views.map(async (view) => await commitProblem(cluster, view, taking, signal));
  return (await Promise.all(each)).flat();
}

async function commitProblem(
  cluster: Pick<StepContext["cluster"], "roundTrip">,
  view: Judgement,
  taking: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const { layer } = view;
  if (view.leader === undefined) return [`${layer}: no leader`];
  const stays = (name: string) => !taking.includes(name);
  // The only voter that stays has nobody else to show its writes.
  const alone = view.voters.filter(stays).length <= 1 ? view.leader : undefined;
  const others = view.healthyVoters.filter((name) => name !== view.leader);
  const follower = others.find(stays) ?? alone;
  if (follower === undefined) return [`${layer}: no healthy follower to read a write back through`];
  const trip = await cluster.roundTrip(layer, view.leader, follower, signal);
  return trip.ok ? [] : [trip.failed];
}

/** Why the node is not yet a healthy voter of each layer that it is to be a member of; empty when it is. */
export function voterProblems(
  inventory: Pick<Inventory, "cluster" | "nodes">,
  views: readonly Judgement[],
  node: Pick<Node, "name" | "services">,
): string[] {
  const own = layersOf(inventory, node);
  return views
    .filter(({ layer }) => own.includes(layer))
    .flatMap((view) => healthProblems(view, node.name));
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
