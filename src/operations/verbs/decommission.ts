// decommission: a node leaves for good. Drained, no member any more, switched off, out of the inventory, and its machine is refused.

import { z } from "zod";
import type { Judgement } from "../../cluster/judge.ts";
import { parseInventoryTexts } from "../../inventory/files.ts";
import { findNode } from "../../inventory/find.ts";
import { formatProblem } from "../../inventory/load.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { messageOf } from "../../net/error-text.ts";
import { withinBudget } from "../budget.ts";
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
import { handOver } from "../steps/hand-over.ts";
import { removeMember } from "../steps/remove-member.ts";
import { isRetiring, retireNode } from "../steps/retire-node.ts";
import { stopServices } from "../steps/services.ts";
import { soakMembers } from "../steps/soak-members.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb, Work } from "../verb.ts";
import { always, subject, workOf } from "../verb.ts";
import { drainSteps, oneNode } from "./drain.ts";

const options = z.strictObject({
  /** The node, where its machine can't be switched off any more: it is gone. */
  gone: z.array(z.string()).default([]),
  /** What the draft finds out; an order that is given again brings the former answer along, and it is found out anew. */
  leaving: z.object({ name: z.string(), mac: z.string(), was: z.string() }).optional(),
  first: z.enum(["drain", "stop", "remove", "nothing"]).optional(),
});

/**
 * What is done first: the node is drained, or only its services are stopped. Of two voters none may stop before it is removed, for the other
 * can't commit that alone. With one that is dead, or drained already, nothing.
 */
type First = NonNullable<z.output<typeof options>["first"]>;

export const decommission: Verb = {
  disruptive: true,
  resumable: always,
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
  const { gone, first = "nothing" } = options.parse(work.operation.parameters);
  const outOfService: Readonly<Record<First, () => readonly Step[]>> = {
    drain: () => drainSteps(work, node),
    // A removed member that still runs would go on telling its own story.
    stop: () => [withinBudget(work, [node.name], stopServices(work, node))],
    remove: () => [handOver(work, node)],
    nothing: () => [],
  };
  // One that was dead when this was drawn up was not drained; a drained one is looked for on no port.
  const comeBack = `take it out of service first: rackstrap decommission ${node.name} --execute`;
  const onlyDead = layersOf(work.inventory, node).length > 0 && { comeBack };
  return [
    agreeMembers(work, node.name),
    ...outOfService[first](),
    ...removeMember(work, node, { onlyDead: first === "nothing" && onlyDead }),
    ...(first === "remove" ? [stopServices(work, node)] : []),
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
  return {
    operations: chosen.map((node, index) => ({
      ...{ node: node.name, nodes: [node.name] },
      parameters: { gone, leaving: leaving[index], first: firstOf(tools, views, node, gone) },
    })),
    destroys: chosen.map(({ name }) => `the membership of ${name}; its disk is not touched`),
    quorum: judged.flatMap(({ quorum }) => quorum),
    notes: [
      ...chosen
        .filter((node) => firstOf(tools, views, node, gone) === "nothing")
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

function firstOf(
  { inventory, nodes }: OperationTools,
  views: readonly Judgement[],
  node: Node,
  gone: readonly string[],
): First {
  const { name } = node;
  // No member tells of a node that runs no layer: it is in service as far as is known here, unless a person says that it is gone.
  if (layersOf(inventory(), node).length === 0)
    return nodes.node(name).state === "active" && !gone.includes(name) ? "drain" : "nothing";
  if (lifeSigns(views, name).length === 0) return "nothing";
  if (views.some(({ voters }) => voters.length === 2 && voters.includes(name))) return "remove";
  return nodes.node(name).state === "active" ? "drain" : "stop";
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
