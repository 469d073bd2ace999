// drain and undrain: a node's services out of service in the order of their dependencies, inside the quorum budget, and back.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import type { NodeState } from "../../nodes/state.ts";
import { judgeTaking, withinBudget } from "../budget.ts";
import { done, type Step } from "../result.ts";
import { awaitVoter } from "../steps/await-voter.ts";
import { startServices, stopServices } from "../steps/services.ts";
import type { Draft, OperationTools, OrderRefusal, Verb, Work } from "../verb.ts";
import { workOf } from "../verb.ts";
import { subject } from "./provision.ts";

const options = z.strictObject({});

export const drain: Verb = {
  disruptive: true,
  resumable: true,
  options,
  draft: async (tools, chosen) => {
    const taking = chosen.map(({ name }) => name);
    const { quorum, refusals } = judgeTaking(await tools.cluster.views(), taking);
    return draftOne(tools, chosen, "active", { quorum, refusals });
  },
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const node = subject(tools, operation);
    return { steps: drainSteps(work, node), stop: async () => undefined };
  },
};

export const undrain: Verb = {
  disruptive: true,
  resumable: true,
  options,
  draft: async (tools, chosen) => draftOne(tools, chosen, "drained", { quorum: [], refusals: [] }),
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const node = subject(tools, operation);
    const steps = [startServices(work, node), awaitVoter(work, node), noteState(node, "undrained")];
    return { steps, stop: async () => undefined };
  },
};

/** Out of service, as other verbs begin with it. */
export function drainSteps(work: Work, node: Node): readonly Step[] {
  return [withinBudget(work, [node.name], stopServices(work, node)), noteState(node, "drained")];
}

function noteState(node: Node, event: "drained" | "undrained"): Step {
  return {
    id: `note-${event}-${node.name}`,
    title: `the node is ${event === "drained" ? "drained" : "in service"}`,
    node: node.name,
    deadlineMs: 10_000,
    next: `look at the node: rackstrap explain ${node.name}`,
    run: async () => done({}, event),
  };
}

function draftOne(
  tools: OperationTools,
  chosen: readonly Node[],
  from: NodeState,
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

function notIn({ nodes }: OperationTools, { name }: Node, from: NodeState): OrderRefusal[] {
  const { state } = nodes.node(name);
  if (state === from) return [];
  return [
    {
      reason: `node ${name} is ${state}, and has to be ${from} for this`,
      next: `look at it: rackstrap explain ${name}`,
    },
  ];
}
