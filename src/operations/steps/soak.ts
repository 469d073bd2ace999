// Looks again and again over a window: a recovery that relapses within it was none.

import type { Judgement } from "../../cluster/judge.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import type { NodeEvent } from "../../nodes/state.ts";
import type { Evidence, Operation } from "../operation.ts";
import { done, type Step, wait } from "../result.ts";
import { windowSince } from "../window.ts";
import { voterProblems } from "./verify-cluster.ts";

/** What one look saw. */
export interface Look {
  /** Why the window starts again; none when all is well. */
  readonly problems: readonly string[];
  /** What has to be the same at every look of the window, such as who leads. */
  readonly steady?: string;
  /** What was seen last is kept, however it ends. */
  readonly evidence?: Evidence;
}

export interface Soak {
  readonly look: (operation: Operation, signal: AbortSignal) => Promise<Look>;
  readonly windowMs: number;
  /** For the node's timeline when the window is over. */
  readonly event?: NodeEvent | undefined;
}

// A look may take as long as a member that does not answer is waited for.
const healthy = { key: "healthySinceMs", longestGapMs: 20_000 };

/** Waits until every look over the whole window saw no problem. */
export function soak({ look, windowMs, event }: Soak): Pick<Step, "run"> {
  return {
    run: async ({ evidence, nowMs, operation }, signal) => {
      const { problems, steady, evidence: last } = await look(operation, signal);
      if (problems.length > 0)
        return wait(3000, `unhealthy, the window starts again: ${problems.join("; ")}`, {
          ...last,
          healthySinceMs: undefined,
        });
      const isSteady = evidence["steady"] === steady;
      const window = windowSince(isSteady ? evidence : {}, nowMs, healthy);
      const healthySinceMs = window.sinceMs;
      const leftMs = healthySinceMs + windowMs - nowMs;
      if (leftMs <= 0) return done({ healthySinceMs, ...last }, event);
      return wait(Math.min(3000, leftMs), `healthy, ${Math.ceil(leftMs / 1000)} s to go`, {
        ...{ ...last, ...window.looked, steady },
      });
    },
  };
}

/** A look for the node, which has to be a healthy voter of every layer that it runs. */
export function healthyVoter(
  views: () => Promise<readonly Judgement[]>,
  inventory: Inventory,
  node: Node,
) {
  return async (): Promise<Look> => ({ problems: voterProblems(inventory, await views(), node) });
}
