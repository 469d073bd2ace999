// Activates a system on a node and waits until that is over: begun once, inside the quorum budget, and looked at until it ended.

import type { Node } from "../../inventory/schema.ts";
import { withinBudget } from "../budget.ts";
import {
  type ActivationAction,
  lookAtActivation,
  readBootId,
  startActivation,
} from "../node-system.ts";
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
  activation: Activation,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { shell } = work;
  const { name, system, action } = activation;
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
    case "absent":
      return await begin(work, node, activation, attempt, signal);
  }
}

async function begin(
  work: Work,
  node: Node,
  { name, system, action }: Activation,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { shell } = work;
  const unit = unitOf(attempt.operation, name);
  const read = await readBootId(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const { bootId } = attempt.evidence as { bootId?: string };
  // Written down before the first start: the unit is gone when its node has restarted, and what crashed the node is not begun again.
  if (bootId === undefined) return wait(0, `${unit} is about to begin`, { bootId: read.bootId });
  if (bootId !== read.bootId)
    return failed(
      `node ${node.name} restarted before ${system}/bin/switch-to-configuration ${action} had ended`,
      `on node ${node.name} read: journalctl -b -1 -n 200`,
    );
  const start = async (): Promise<StepResult> => {
    const begun = await startActivation(shell, node, unit, { system, action }, signal);
    return begun.ok ? wait(1000, `${unit} has begun`) : shellFailure(node, begun);
  };
  const step = { id: name, title: name, deadlineMs: 0, next: "", run: start };
  return await withinBudget(work, [node.name], step).run(attempt, signal);
}
