// A machine that was installed and did not get to be a voter must not stay a learner: it would count as about to become one.

import type { Judgement } from "../cluster/judge.ts";
import type { StepContext } from "./provision.ts";

type LeftLearnerContext = Pick<
  StepContext,
  "node" | "cluster" | "clusters" | "operations" | "clock" | "inventory"
>;

// An election fits in. The end of an operation is tried several times.
const patienceMs = 30_000;
const pauseMs = 3000;

/**
 * Takes the learner that the install of this operation left on any layer out again; the machine stays on, to be looked at. Removing a
 * learner changes no majority, but a majority has to commit it: one that is missing is waited for. Nothing where
 * the node has joined. May be repeated; throws why a learner is left.
 */
export async function removeLeftLearner(
  context: LeftLearnerContext,
  operationId: string,
): Promise<void> {
  const { operations, clock } = context;
  const steps = operations.operation(operationId)?.steps ?? [];
  const isDone = (id: string) => steps.find((step) => step.id === id)?.status === "done";
  // Before the machine has restarted from its disk, nothing of it can have joined.
  if (!isDone("install") || isDone("join")) return;
  const endsMs = clock.now() + patienceMs;
  for (;;) {
    const left = await removeFrom(context, await context.cluster.fresh());
    if (left.length === 0) return;
    if (clock.now() + pauseMs > endsMs) throw new Error(left.join("; "));
    await clock.sleep(pauseMs, new AbortController().signal);
  }
}

/** Where it is still a learner, or may be, and why. */
async function removeFrom(
  { node, cluster, clusters, inventory }: LeftLearnerContext,
  views: readonly Judgement[],
): Promise<readonly string[]> {
  const left: string[] = [];
  const { signal } = new AbortController();
  const isFormed = clusters.claim(inventory.cluster.name)?.initialisedAtMs !== undefined;
  for (const { layer, verdict, members } of views) {
    if (verdict === "no-cluster" && isFormed)
      left.push(`${node.name} may be left as a learner of ${layer}: no member answers`);
    if (!members.some(({ id, role }) => id === node.name && role === "learner")) continue;
    const answer = await cluster.removeMember(layer, node.name, signal);
    if (!answer.ok) left.push(`${node.name} is left as a learner of ${layer}: ${answer.failed}`);
  }
  return left;
}
