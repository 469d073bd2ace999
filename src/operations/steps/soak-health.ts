// Looks again and again over a window: a recovery that relapses within it was none.

import type { Evidence } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";
import { healthProblems } from "./verify-cluster.ts";

type Seen = Pick<StepContext, "node" | "inventory" | "cluster">;

/** The last step of an install. */
export function soakHealth(context: Seen): Step {
  const step = stayHealthy(context);
  return {
    ...step,
    run: async (attempt, signal) => {
      const result = await step.run(attempt, signal);
      return result.kind === "done" ? { ...result, event: "health-soaked" } : result;
    },
  };
}

/** The same for a node that was in service before. */
export function stayHealthy(context: Seen): Step {
  const { node, inventory } = context;
  const windowMs = inventory.timeouts.soakSeconds * 1000;
  return {
    id: "soak",
    title: "stay healthy over the soak window",
    deadlineMs: windowMs * 2 + inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async ({ evidence, nowMs }) => {
      const views = await context.cluster.views();
      const problems = views.flatMap((view) => healthProblems(view, node.name));
      if (problems.length > 0)
        return wait(3000, `unhealthy, the window starts again: ${problems.join("; ")}`, {
          healthySinceMs: undefined,
        });
      const healthySinceMs = unbrokenSince(evidence, nowMs);
      const leftMs = healthySinceMs + windowMs - nowMs;
      return leftMs <= 0
        ? done({ healthySinceMs })
        : wait(Math.min(3000, leftMs), `healthy, ${Math.ceil(leftMs / 1000)} s to go`, {
            healthySinceMs,
            lastLookMs: nowMs,
          });
    },
  };
}

// A look may take as long as a member that does not answer is waited for.
const longestGapMs = 20_000;

/** When the window began: now, unless the last look was a moment ago. What nobody looked at is not known to be healthy. */
export function unbrokenSince(evidence: Evidence, nowMs: number): number {
  const { healthySinceMs, lastLookMs } = evidence as Partial<Record<string, number>>;
  if (healthySinceMs === undefined || lastLookMs === undefined) return nowMs;
  const gapMs = nowMs - lastLookMs;
  return gapMs >= 0 && gapMs <= longestGapMs ? healthySinceMs : nowMs;
}
