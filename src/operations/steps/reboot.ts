// A restart of a node for a kernel that only counts from there: out of service, started anew, back in service, with the way back to what
// the node ran. Its services are up again with the machine: nothing has to start them.

import type { Node } from "../../inventory/schema.ts";
import type { Operation } from "../operation.ts";
import { done, type Step } from "../result.ts";
import type { Work } from "../verb.ts";
import { drainSteps, returnSteps } from "../verbs/drain.ts";
import { orBack, type Turn } from "./go-back.ts";
import { restartMachine } from "./restart-machine.ts";
import { runsAnother } from "./runs-system.ts";

/** Why a step has nothing to do for a node; undefined where it has. */
export type Spared = (operation: Operation, node: Node) => string | undefined;

/** The step, which has nothing to do where `spared` says why. */
export function unless(spared: Spared, node: Node, step: Step): Step {
  return {
    ...step,
    run: async (attempt, signal) => {
      const why = spared(attempt.operation, node);
      return why === undefined ? await step.run(attempt, signal) : done({ skipped: why });
    },
  };
}

/** Under names of their own: the lead is handed over a second time. */
export function rebootSteps(work: Work, node: Node, turn: Turn, spared: Spared): readonly Step[] {
  const all = [
    ...drainSteps(work, node),
    restartInto(work, node, turn.system),
    ...returnSteps(work, node),
  ];
  return all.map((step) =>
    unless(spared, node, orBack(work, node, { ...step, id: `reboot-${step.id}` }, turn)),
  );
}

function restartInto(work: Work, node: Node, system: Turn["system"]): Step {
  const restart = restartMachine(work, node);
  return {
    ...restart,
    run: async (attempt, signal) => {
      const result = await restart.run(attempt, signal);
      if (result.kind !== "done") return result;
      const wanted = system(attempt.operation);
      return (await runsAnother(work, node, wanted, signal, "booted")) ?? result;
    },
  };
}
