// Looks again and again over a window: a recovery that relapses within it was none.

import type { Judgement } from "../../cluster/judge.ts";
import type { NodeEvent } from "../../nodes/state.ts";
import type { Evidence } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";
import { healthProblems } from "./verify-cluster.ts";

type Seen = Pick<StepContext, "node" | "inventory" | "cluster">;

/** The last step of an install. */
export function soakHealth(context: Seen): Step {
  return soakStep(context, "health-soaked");
}

/** The same for a node that was in service before. */
export function stayHealthy(context: Seen): Step {
  return soakStep(context, undefined);
}

function soakStep({ node, inventory, cluster }: Seen, event: NodeEvent | undefined): Step {
  const windowMs = inventory.timeouts.soakSeconds * 1000;
  return {
    ...soak({ look: cluster.views, name: node.name, windowMs, event }),
    id: "soak",
    title: "stay healthy over the soak window",
    deadlineMs: windowMs * 2 + inventory.timeouts.verifySeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
  };
}

export interface Soak {
  readonly look: () => Promise<readonly Judgement[]>;
  /** Of the node that has to be a healthy voter of every layer. */
  readonly name: string;
  readonly windowMs: number;
  readonly event?: NodeEvent | undefined;
}

/** Waits until the node was healthy over the whole window, as every look at it said. */
export function soak({ look, name, windowMs, event }: Soak): Pick<Step, "run"> {
  return {
    run: async ({ evidence, nowMs }) => {
      const problems = (await look()).flatMap((view) => healthProblems(view, name));
      if (problems.length > 0)
        return wait(3000, `unhealthy, the window starts again: ${problems.join("; ")}`, {
          healthySinceMs: undefined,
        });
      const healthySinceMs = unbrokenSince(evidence, nowMs);
      const leftMs = healthySinceMs + windowMs - nowMs;
      return leftMs <= 0
        ? done({ healthySinceMs }, event)
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
