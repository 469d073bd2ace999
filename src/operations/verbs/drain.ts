// drain and undrain: nothing leads, balances to, or runs on a node, then its services stop in the order of their dependencies, all
// inside the quorum budget; and back in reverse.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import { type NodeState, nextState } from "../../nodes/state.ts";
import { judgeTaking, withinBudget } from "../budget.ts";
import { done, type Step } from "../result.ts";
import { awaitVoter } from "../steps/await-voter.ts";
import { handOver } from "../steps/hand-over.ts";
import { startServices, stopServices } from "../steps/services.ts";
import { balance, migrateMachines } from "../steps/workload.ts";
import type { Draft, OperationTools, OrderRefusal, Verb, Work } from "../verb.ts";
import { always, subject, workOf } from "../verb.ts";

const options = z.strictObject({});

export const drain: Verb = {
  disruptive: true,
  resumable: always,
  options,
  draft: async (tools, chosen) => {
    const taking = chosen.map(({ name }) => name);
    const { quorum, refusals } = judgeTaking(await tools.cluster.views(), taking);
    return draftOne(tools, chosen, ["active"], { quorum, refusals });
  },
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const node = subject(tools, operation);
    return { steps: drainSteps(work, node), stop: async () => undefined };
  },
};

export const undrain: Verb = {
  disruptive: true,
  takesNobody: true,
  resumable: always,
  options,
  // A drain that stopped half-way left the node active, and this is its way back, too.
  draft: async (tools, chosen) =>
    draftOne(tools, chosen, ["drained", "active"], { quorum: [], refusals: [] }),
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const node = subject(tools, operation);
    return { steps: undrainSteps(work, node), stop: async () => undefined };
  },
};

/** Out of service, as other verbs begin with it. */
export function drainSteps(work: Work, node: Node): readonly Step[] {
  return [
    // A change of leader may be what lets a layer commit again.
    withinBudget(work, [node.name], handOver(work, node), { commits: false }),
    ...balance(work, node, "drain"),
    ...migrateMachines(work, node),
    withinBudget(work, [node.name], stopServices(work, node)),
    noteState(work, node, "drained"),
  ];
}

/** Back in service. Machines that were moved away stay where they are. */
function undrainSteps(work: Work, node: Node): readonly Step[] {
  return [startServices(work, node), ...returnSteps(work, node)];
}

/** Back in service once its services are started, as they are after a restart of the machine. */
export function returnSteps(work: Work, node: Node): readonly Step[] {
  return [
    awaitVoter(work, node),
    ...balance(work, node, "active"),
    noteState(work, node, "undrained"),
  ];
}

function noteState({ nodes }: Work, node: Node, event: "drained" | "undrained"): Step {
  return {
    id: `note-${event}-${node.name}`,
    title: `the node is ${event === "drained" ? "drained" : "in service"}`,
    node: node.name,
    deadlineMs: 10_000,
    next: `look at the node: rackstrap explain ${node.name}`,
    run: async () =>
      nextState(nodes.node(node.name).state, event) === undefined ? done({}) : done({}, event),
  };
}

function draftOne(
  tools: OperationTools,
  chosen: readonly Node[],
  from: readonly NodeState[],
  budget: Pick<Draft, "quorum" | "refusals">,
): Draft {
  return {
    operations: chosen.map(({ name }) => ({ node: name, nodes: [name], parameters: {} })),
    destroys: [],
    notes: [],
    quorum: budget.quorum,
    refusals: [
      ...oneNode(chosen),
      ...chosen.flatMap((node) => notIn(tools, node, from)),
      ...budget.refusals,
    ],
  };
}

/** Two at a time would be two from one budget. */
export function oneNode(chosen: readonly Node[]): OrderRefusal[] {
  if (chosen.length === 1) return [];
  return [
    {
      reason: `${chosen.length} nodes are named, and this is done to one node at a time`,
      next: "name one node",
    },
  ];
}

/** Why a node whose state is none of these can't be worked on. */
export function notIn(
  { nodes }: Pick<OperationTools, "nodes">,
  { name }: Node,
  from: readonly NodeState[],
): OrderRefusal[] {
  const { state } = nodes.node(name);
  if (from.includes(state)) return [];
  return [
    {
      reason: `node ${name} is ${state}, and has to be ${from.join(" or ")} for this`,
      next: `look at it: rackstrap explain ${name}`,
    },
  ];
}
