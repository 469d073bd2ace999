// update: the nodes' new systems, one node at a time and the leader last, each tried before it is kept; one that is not well goes
// back, and those after it are not touched (runbook §7.4, requirement E4).

import { z } from "zod";
import type { Judgement } from "../../cluster/judge.ts";
import type { Node } from "../../inventory/schema.ts";
import { judgeTaking, turnOrder } from "../budget.ts";
import type { Plan } from "../result.ts";
import { undo } from "../steps/go-back.ts";
import { beforeOf, buildNode, othersProblems, turnSteps } from "../steps/update-node.ts";
import {
  type Draft,
  declaredFor,
  never,
  type OperationTools,
  type Order,
  type OrderRefusal,
  type Verb,
  type Work,
  workOf,
} from "../verb.ts";
import { notIn } from "./drain.ts";

const options = z.strictObject({
  /** Nodes whose kernel changes are restarted. */
  reboot: z.boolean().default(false),
});

export const update: Verb = {
  disruptive: true,
  // What was built may be gone, and the order was made for the leader of that time.
  resumable: never,
  options,
  draft: async (tools, chosen, order) => draftUpdate(tools, chosen, order),
  plan: (tools, operation) => updatePlan(workOf(tools, operation)),
};

async function draftUpdate(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const parameters = options.parse(order.options);
  const { cluster } = tools.inventory();
  const views = await tools.cluster.views();
  const nodes = turnOrder(
    views,
    chosen.map(({ name }) => name),
  );
  const [first, ...more] = nodes;
  const node = more.length > 0 || first === undefined ? cluster.name : first;
  const judged = nodes.map((name) => judgeTaking(views, [name]));
  return {
    operations: first === undefined ? [] : [{ node, nodes, parameters }],
    destroys: [],
    quorum: judged.flatMap(({ quorum }) => quorum),
    notes: [
      `one at a time, in this order: ${nodes.join(", ")}; one that is not well on its new system gets back the one that it had, and the others are not touched`,
    ],
    refusals: [
      ...(first === undefined ? [{ reason: "no node is named", next: "name the nodes" }] : []),
      ...chosen.flatMap((each) => notIn(tools, each, ["active"])),
      ...judged.flatMap(({ refusals }) => refusals),
      ...nodes.flatMap((name, index) =>
        judged[index]?.refusals.length === 0 ? sickOthers(views, name) : [],
      ),
    ],
  };
}

/** The budget would allow it, and still: an update begins with everybody well. */
function sickOthers(views: readonly Judgement[], name: string): OrderRefusal[] {
  const problems = views.flatMap((view) => othersProblems(view, name));
  if (problems.length === 0) return [];
  return [
    {
      reason: `before node ${name} is updated all others have to be healthy: ${problems.join("; ")}`,
      next: `bring them back first (rackstrap cluster status), or go against this by typing the name: --force ${name}`,
      liftedBy: [name],
    },
  ];
}

function updatePlan(work: Work): Plan {
  const { nodes: names } = work.operation;
  const nodes = names.map((name) => declaredFor(work.inventory, work.operation, name));
  return {
    // All are built before one is touched: a configuration that does not build must not stop an update half-way.
    steps: [
      ...nodes.map((node) => buildNode(work, node)),
      ...nodes.flatMap((node, index) => turnSteps(work, node, names.slice(index + 1))),
    ],
    stop: async () => await undo(work, nodes, { from: "test", to: "soak", before: beforeOf }),
  };
}
