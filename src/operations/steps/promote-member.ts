// Makes a voter of a machine on layers whose members don't do that by themselves: a learner first, which is promoted once it has kept up
// with the leader for a while. A voter with an old log would be counted and could decide nothing.

import type { Judgement } from "../../cluster/judge.ts";
import { layersOf } from "../../inventory/peers.ts";
import { lag, mostBehind } from "../lag.ts";
import type { StepContext } from "../provision.ts";
import { type Attempt, done, type Step, type StepResult, wait } from "../result.ts";
import { windowSince } from "../window.ts";

// A look may take as long as members that do not answer are waited for.
const longestGapMs = 30_000;

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
      const own = layersOf(inventory, node).filter((layer) => cluster.promotesHere(layer));
      for (const view of views.filter(({ layer }) => own.includes(layer))) {
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
  const key = `${layer}SinceMs`;
  const behind = (await lag(cluster, view, [node.name], signal)).get(node.name);
  if (behind === undefined || behind > mostBehind)
    return wait(
      2000,
      `${node.name} is ${behind ?? "an unknown number of"} entries of ${layer} behind`,
      {
        [key]: undefined,
      },
    );
  const { sinceMs, looked } = windowSince(evidence, nowMs, { key, longestGapMs });
  const leftMs = sinceMs + inventory.timeouts.caughtUpSeconds * 1000 - nowMs;
  if (leftMs > 0)
    return wait(Math.min(2000, leftMs), `${node.name} keeps up with ${layer}`, looked);
  const answer = await cluster.promote(layer, node.name, signal);
  if (!answer.ok) return wait(2000, answer.failed);
  return wait(answer.value === "catching-up" ? 2000 : 0, `${layer}: ${answer.value}`);
}
