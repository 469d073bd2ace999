// Waits until every node of the same request has joined or failed: a half-built cluster is not judged while it grows.

import { installRounds, longestInstallSeconds } from "../install-time.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";

export function awaitBatch(context: StepContext): Step {
  const { inventory } = context;
  // As long as the slowest mate may take to join or to fail.
  const rounds = installRounds(inventory, inventory.nodes.length);
  const deadlineSeconds =
    rounds * longestInstallSeconds(inventory) + inventory.timeouts.joinSeconds + 600;
  return {
    id: "batch",
    title: "wait for the rest of the batch",
    deadlineMs: deadlineSeconds * 1000,
    next: "look at the other operations: rackstrap operations list",
    run: async ({ operation }) => {
      const pending = context.operations
        .operations({ running: true })
        // Another order about a mate of this one may wait for this one's end in its turn.
        .filter(
          ({ kind, node, id }) =>
            kind === operation.kind && operation.batch.includes(node) && id !== operation.id,
        )
        .filter((other) => other.steps.find((step) => step.id === "join")?.status !== "done")
        .map((other) => other.node)
        .toSorted();
      return pending.length > 0
        ? wait(2000, `waiting for ${pending.join(", ")} to join or fail`)
        : done();
    },
  };
}
