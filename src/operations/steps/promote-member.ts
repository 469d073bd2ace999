// Makes a voter of a machine on layers whose members don't do that by themselves: a learner first, which is promoted once it has kept up
// with the leader for a while. A voter with an old log would be counted and could decide nothing.

import type { Judgement } from "../../cluster/judge.ts";
import type { StepContext } from "../provision.ts";
import { type Attempt, done, type Step, type StepResult, wait } from "../result.ts";

// Entries that a learner may be behind its leader ("Raft replace", step 9).
const mostBehind = 100;

export function promoteMember(context: StepContext): Step {
  const { node, cluster, inventory } = context;
  const { joinSeconds, caughtUpSeconds } = inventory.timeouts;
  return {
    id: "promote",
    title: "a learner, and a voter once it has caught up",
    deadlineMs: (joinSeconds + caughtUpSeconds) * 1000,
    next: `look at the cluster (rackstrap cluster status) and at node ${node.name}: journalctl ${inventory.cluster.layers.map((layer) => `-u ${layer}`).join(" ")}`,
    run: async (attempt, signal) => {
      const views = await cluster.fresh();
      for (const view of views.filter(({ layer }) => cluster.promotesHere(layer))) {
        const result = await moveUp(context, view, attempt, signal);
        if (result !== undefined) return result;
      }
      return done();
    },
  };
}

/** The one thing that is next on a layer; undefined when the node is a voter there. */
async function moveUp(
  context: StepContext,
  view: Judgement,
  { evidence, nowMs }: Attempt,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const { node, cluster, inventory } = context;
  const { layer } = view;
  const member = view.members.find(({ id }) => id === node.name);
  if (member === undefined) {
    const added = await cluster.addMember(layer, node.name, signal);
    return wait(2000, added.ok ? `${node.name} is a learner of ${layer}` : added.failed);
  }
  if (member.role !== "learner") return undefined;
  const since = `${layer}SinceMs`;
  const behind = await lag(context, view, signal);
  if (behind === undefined || behind > mostBehind)
    return wait(
      2000,
      `${node.name} is ${behind ?? "an unknown number of"} entries of ${layer} behind`,
      {
        [since]: undefined,
      },
    );
  const sinceMs = Number(evidence[since] ?? nowMs);
  const leftMs = sinceMs + inventory.timeouts.caughtUpSeconds * 1000 - nowMs;
  if (leftMs > 0)
    return wait(Math.min(2000, leftMs), `${node.name} keeps up with ${layer}`, {
      [since]: sinceMs,
    });
  const answer = await cluster.promote(layer, node.name, signal);
  if (!answer.ok) return wait(2000, answer.failed);
  return wait(answer.value === "catching-up" ? 2000 : 0, `${layer}: ${answer.value}`);
}

/** How many entries the node is behind the leader; undefined where one of them does not tell. */
async function lag(
  { node, cluster }: StepContext,
  { layer, leader }: Judgement,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (leader === undefined) return undefined;
  const [first, own] = await Promise.all([
    cluster.status(layer, leader, signal),
    cluster.status(layer, node.name, signal),
  ]);
  if (!first.ok || !own.ok) return undefined;
  const { commitIndex } = first.value;
  const { appliedIndex } = own.value;
  return commitIndex === undefined || appliedIndex === undefined
    ? undefined
    : Math.max(0, commitIndex - appliedIndex);
}
