// decommission: a node leaves for good. Drained, no member any more, switched off, out of the inventory, and its machine is refused.

import { z } from "zod";
import { parseInventoryTexts } from "../../inventory/files.ts";
import { findNode } from "../../inventory/find.ts";
import { formatProblem } from "../../inventory/load.ts";
import type { Node } from "../../inventory/schema.ts";
import { messageOf } from "../../net/error-text.ts";
import { formerMachineRefusals } from "../former-machine.ts";
import type { Operation } from "../operation.ts";
import { judgeRemoval, lifeSigns } from "../removal.ts";
import type { Step } from "../result.ts";
import {
  afterRetirement,
  type LeavingNode,
  retirementDiff,
  retirementEdits,
} from "../retirement.ts";
import { agreeMembers } from "../steps/agree-members.ts";
import { fence } from "../steps/fence.ts";
import { removeMember } from "../steps/remove-member.ts";
import { isRetiring, retireNode } from "../steps/retire-node.ts";
import { soakMembers } from "../steps/soak-members.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb, Work } from "../verb.ts";
import { workOf } from "../verb.ts";
import { drainSteps, oneNode } from "./drain.ts";
import { subject } from "./provision.ts";

const options = z.strictObject({
  /** The node, where its machine can't be switched off any more: it is gone. */
  gone: z.array(z.string()).default([]),
  /** What the draft finds out; an order that is given again brings the former answer along, and it is found out anew. */
  leaving: z.object({ name: z.string(), mac: z.string(), was: z.string() }).optional(),
  drained: z.boolean().optional(),
});

export const decommission: Verb = {
  disruptive: true,
  resumable: true,
  options,
  draft: draftDecommission,
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    // Its last step takes the entry away; what is left of it then needs none.
    const isGone = findNode(tools.inventory(), operation.node) === undefined;
    const steps =
      isGone && isRetiring(operation)
        ? [retireNode(work, leavingOf(operation))]
        : leavingSteps(work, subject(tools, operation));
    return { steps, stop: async () => undefined };
  },
};

function leavingSteps(work: Work, node: Node): readonly Step[] {
  const { gone, drained } = options.parse(work.operation.parameters);
  return [
    agreeMembers(work, node.name),
    ...(drained === true ? drainSteps(work, node) : []),
    ...removeMember(work, node, { onlyDead: false }),
    soakMembers(work, { left: node.name }),
    fence(work, node, { gone: gone.includes(node.name), overSsh: true }),
    retireNode(work, leavingOf(work.operation)),
  ];
}

function leavingOf({ id, parameters }: Operation): LeavingNode {
  const { leaving } = options.parse(parameters);
  if (leaving === undefined) throw new Error(`operation ${id} does not say which machine leaves`);
  return leaving;
}

async function draftDecommission(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const { gone } = options.parse(order.options);
  const views = await tools.cluster.fresh();
  const judged = chosen.map(({ name }) => judgeRemoval(views, name, order.force.includes(name)));
  const leaving = chosen.map((node) => leavingNode(node, tools.clock.now()));
  const changes = leaving.map((node) => fileChanges(tools, node));
  // One that is dead has nothing to take out of service, and nobody there to ask.
  const isInService = ({ name }: Node) =>
    tools.nodes.node(name).state === "active" && lifeSigns(views, name).length > 0;
  return {
    operations: chosen.map((node, index) => ({
      ...{ node: node.name, nodes: [node.name] },
      parameters: { gone, leaving: leaving[index], drained: isInService(node) },
    })),
    destroys: chosen.map(({ name }) => `the membership of ${name}; its disk is not touched`),
    quorum: judged.flatMap(({ quorum }) => quorum),
    notes: [
      ...chosen
        .filter((node) => !isInService(node))
        .map((node) => `node ${node.name} is not in service and is not drained`),
      ...gone.map((name) => `node ${name}: its machine is taken for gone, and is not switched off`),
      ...changes.flatMap(({ diff }) => diff),
    ],
    refusals: [
      ...oneNode(chosen),
      ...chosen.flatMap((node) => formerMachineRefusals(tools.nodes, node, gone)),
      ...judged.flatMap(({ refusals }) => refusals),
      ...changes.flatMap(({ refusals }) => refusals),
    ],
  };
}

function leavingNode({ name, mac, role }: Node, nowMs: number): LeavingNode {
  const day = new Date(nowMs).toISOString().slice(0, 10);
  return { name, mac, was: `${name}, ${role}, decommissioned ${day}` };
}

/** What the last step will write, as the files are now. */
function fileChanges(
  { files, inventory }: OperationTools,
  leaving: LeavingNode,
): { readonly diff: readonly string[]; readonly refusals: readonly OrderRefusal[] } {
  const next = `take node ${leaving.name} out of what names it, by hand`;
  try {
    const texts = files.read();
    const edits = retirementEdits(texts, leaving, inventory());
    const then = parseInventoryTexts(files.main, afterRetirement(texts, edits));
    const problems = "problems" in then ? then.problems.map(formatProblem) : [];
    return {
      diff: retirementDiff(edits),
      refusals: problems.map((problem) => ({ reason: `without the node: ${problem}`, next })),
    };
  } catch (error) {
    return { diff: [], refusals: [{ reason: messageOf(error), next }] };
  }
}
