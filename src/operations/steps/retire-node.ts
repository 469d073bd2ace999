// The last of a machine that leaves: its entry is taken out of the inventory's files, its MAC is written down as retired, and the server
// takes the files. Works without the entry, which may have gone in the attempt before.

import { findNode } from "../../inventory/find.ts";
import { formatProblem } from "../../inventory/load.ts";
import { writeInventory } from "../../inventory/write.ts";
import { messageOf } from "../../net/error-text.ts";
import { nextState } from "../../nodes/state.ts";
import { type Operation, openStep } from "../operation.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import { type LeavingNode, retirementDiff, retirementEdits } from "../retirement.ts";
import type { Work } from "../verb.ts";

const id = "retire";

/** Whether the operation is about to take its node out of the inventory: it and no other may. */
export function isRetiring(operation: Pick<Operation, "kind" | "steps">): boolean {
  return operation.kind === "decommission" && openStep(operation)?.id === id;
}

export function retireNode(work: Work, leaving: LeavingNode): Step {
  const next = `correct it, and go on: rackstrap operations resume ${work.operation.id}`;
  return {
    id,
    title: "take it out of the inventory, and refuse its MAC from then on",
    node: leaving.name,
    deadlineMs: 120_000,
    next,
    run: async () => {
      const written = writeEdits(work, leaving, next);
      if ("kind" in written) return written;
      const diff = written.diff.length === 0 ? {} : { diff: written.diff };
      const refusals = await work.files.reload();
      const inForce = work.inForce();
      const isIn = findNode(inForce, leaving.name) !== undefined;
      if (isIn || !Object.hasOwn(inForce.retired, leaving.mac))
        return wait(3000, refusals.join("; ") || "the server has not taken the files yet", diff);
      const { state } = work.nodes.node(leaving.name);
      const evidence = { retired: leaving.mac, was: leaving.was, ...diff };
      return nextState(state, "decommissioned") === undefined
        ? done(evidence)
        : done(evidence, "decommissioned");
    },
  };
}

/** Writes what is left to write; what it wrote, as a difference. */
function writeEdits(
  { files, inForce }: Work,
  leaving: LeavingNode,
  next: string,
): StepResult | { readonly diff: readonly string[] } {
  try {
    const edits = retirementEdits(files.read(), leaving, inForce());
    for (const edit of edits) {
      const result = writeInventory({ ...edit, main: files.main });
      if ("refused" in result) return wait(1000, result.refused);
      if ("problems" in result) return failed(result.problems.map(formatProblem).join("; "), next);
    }
    return { diff: retirementDiff(edits) };
  } catch (error) {
    return failed(`the inventory can't be changed: ${messageOf(error)}`, next);
  }
}
