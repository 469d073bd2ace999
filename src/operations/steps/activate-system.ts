// Activates a system on a node and waits until that is over: begun once, inside the quorum budget, and looked at until it ended.

import type { Node } from "../../inventory/schema.ts";
import { withinBudget } from "../budget.ts";
import { type ActivationAction, lookAtActivation, startActivation } from "../node-system.ts";
import type { Operation } from "../operation.ts";
import { type Attempt, done, failed, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

export interface Activation {
  /** What it is in its operation: each is begun once. */
  readonly name: "test" | "switch";
  /** Store path. */
  readonly system: string;
  readonly action: ActivationAction;
}

/** The unit that activates, on the node itself. */
export function unitOf({ id }: Operation, name: Activation["name"] | "back"): string {
  return `rackstrap-${id}-${name}.service`;
}

/** One attempt. */
export async function activate(
  work: Work,
  node: Node,
  { name, system, action }: Activation,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { shell } = work;
  const unit = unitOf(attempt.operation, name);
  const seen = await lookAtActivation(shell, node, unit, signal);
  if (!seen.ok) return shellFailure(node, seen);
  switch (seen.state.kind) {
    case "running":
      return wait(2000, `${unit} is at work`);
    case "ended":
      return done({ unit, action, system });
    case "failed":
      return failed(
        `${system}/bin/switch-to-configuration ${action} ended with ${seen.state.why}`,
        `on node ${node.name} read: journalctl -u ${unit}`,
      );
    case "absent": {
      const begin = async (): Promise<StepResult> => {
        const begun = await startActivation(shell, node, unit, { system, action }, signal);
        return begun.ok ? wait(1000, `${unit} has begun`) : shellFailure(node, begun);
      };
      const step = { id: name, title: name, deadlineMs: 0, next: "", run: begin };
      return await withinBudget(work, [node.name], step).run(attempt, signal);
    }
  }
}
