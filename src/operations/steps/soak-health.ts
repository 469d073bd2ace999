// Looks again and again over a window: a recovery that relapses within it was none.

import { layers } from "../../cluster/driver.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";
import { healthProblems } from "./verify-cluster.ts";

export function soakHealth(context: StepContext): Step {
  const { node, inventory } = context;
  const windowMs = inventory.timeouts.soakSeconds * 1000;
  return {
    id: "soak",
    title: "stay healthy over the soak window",
    deadlineMs: windowMs * 2 + inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async ({ evidence, nowMs }, signal) => {
      const views = await Promise.all(layers.map((layer) => context.cluster.view(layer, signal)));
      const problems = views.flatMap((view) => healthProblems(view, node.name));
      if (problems.length > 0)
        return wait(3000, `unhealthy, the window starts again: ${problems.join("; ")}`, {
          healthySinceMs: undefined,
        });
      const since = evidence["healthySinceMs"];
      const healthySinceMs = typeof since === "number" ? since : nowMs;
      const leftMs = healthySinceMs + windowMs - nowMs;
      return leftMs <= 0
        ? done({ healthySinceMs }, "health-soaked")
        : wait(Math.min(3000, leftMs), `healthy, ${Math.ceil(leftMs / 1000)} s to go`, {
            healthySinceMs,
          });
    },
  };
}
