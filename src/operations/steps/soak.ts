// Looks again and again over a window: a recovery that relapses within it was none.

import type { Judgement } from "../../cluster/judge.ts";
import type { NodeEvent } from "../../nodes/state.ts";
import type { Evidence, Operation } from "../operation.ts";
import { done, type Step, wait } from "../result.ts";
import { healthProblems } from "./verify-cluster.ts";

/** What one look saw. */
export interface Look {
  /** Why the window starts again; none when all is well. */
  readonly problems: readonly string[];
  /** What has to be the same at every look of the window, such as who leads. */
  readonly steady?: string;
  /** Kept when the window is over. */
  readonly evidence?: Evidence;
}

export interface Soak {
  readonly look: (operation: Operation) => Promise<Look>;
  readonly windowMs: number;
  /** For the node's timeline when the window is over. */
  readonly event?: NodeEvent | undefined;
}

/** Waits until every look over the whole window saw no problem. */
export function soak({ look, windowMs, event }: Soak): Pick<Step, "run"> {
  return {
    run: async ({ evidence, nowMs, operation }) => {
      const { problems, steady, evidence: last } = await look(operation);
      if (problems.length > 0)
        return wait(3000, `unhealthy, the window starts again: ${problems.join("; ")}`, {
          healthySinceMs: undefined,
        });
      const isSteady = evidence["steady"] === steady;
      const healthySinceMs = isSteady ? unbrokenSince(evidence, nowMs) : nowMs;
      const leftMs = healthySinceMs + windowMs - nowMs;
      if (leftMs <= 0) return done({ healthySinceMs, ...last }, event);
      return wait(Math.min(3000, leftMs), `healthy, ${Math.ceil(leftMs / 1000)} s to go`, {
        ...{ healthySinceMs, lastLookMs: nowMs, steady },
      });
    },
  };
}

/** A look for the node of that name, which has to be a healthy voter of every layer. */
export function healthyVoter(views: () => Promise<readonly Judgement[]>, name: string) {
  return async (): Promise<Look> => ({
    problems: (await views()).flatMap((view) => healthProblems(view, name)),
  });
}

// A look may take as long as a member that does not answer is waited for.
const longestGapMs = 20_000;

/** When the window began: now, unless the last look was a moment ago. What nobody looked at is not known to be healthy. */
function unbrokenSince(evidence: Evidence, nowMs: number): number {
  const { healthySinceMs, lastLookMs } = evidence as Partial<Record<string, number>>;
  if (healthySinceMs === undefined || lastLookMs === undefined) return nowMs;
  const gapMs = nowMs - lastLookMs;
  return gapMs >= 0 && gapMs <= longestGapMs ? healthySinceMs : nowMs;
}
