// A machine that was installed and did not get to be a voter must not stay a learner: it would count as about to become one.

import type { StepContext } from "./provision.ts";

/**
 * Takes the learner that the install of this operation left on any layer out again; the machine stays on, to be looked at. Removing a
 * learner changes no majority. Nothing where the node has joined. May be repeated; throws why a learner is left.
 */
export async function removeLeftLearner(
  { node, cluster, operations }: Pick<StepContext, "node" | "cluster" | "operations">,
  operationId: string,
): Promise<void> {
  const steps = operations.operation(operationId)?.steps ?? [];
  const isDone = (id: string) => steps.find((step) => step.id === id)?.status === "done";
  // Before the machine has restarted from its disk, nothing of it can have joined.
  if (!isDone("install") || isDone("join")) return;
  for (const { layer, members } of await cluster.fresh()) {
    const isLearner = members.some(({ id, role }) => id === node.name && role === "learner");
    if (!isLearner) continue;
    const { signal } = new AbortController();
    const answer = await cluster.removeMember(layer, node.name, signal);
    if (!answer.ok)
      throw new Error(`${node.name} is left as a learner of ${layer}: ${answer.failed}`);
  }
}
