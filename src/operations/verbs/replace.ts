// replace: a machine that is gone for good gives up its place in the cluster to another, which is installed under the same name.

import { z } from "zod";
import { layersOf } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { nextState } from "../../nodes/state.ts";
import { formerMachineRefusals } from "../former-machine.ts";
import { joiningPlan } from "../joining.ts";
import { judgeRemoval, lifeSigns } from "../removal.ts";
import { agreeMembers } from "../steps/agree-members.ts";
import { awaitHardware } from "../steps/await-hardware.ts";
import { fence } from "../steps/fence.ts";
import { removeMember } from "../steps/remove-member.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb } from "../verb.ts";
import { onceJoined } from "../verb.ts";
import { oneNode } from "./drain.ts";
import { installDraft, installOptions, notInstallable } from "./provision.ts";

const options = z.strictObject({
  ...installOptions,
  /** The node, where its former machine can't be seen off any more: it is gone. */
  gone: z.array(z.string()).default([]),
});

export const replace: Verb = {
  disruptive: true,
  resumable: onceJoined,
  options,
  draft: draftReplace,
  plan: (tools, operation) =>
    joiningPlan(tools, operation, (work, node) => {
      const gone = options.parse(operation.parameters).gone.includes(node.name);
      const comeBack = `leave it in, or wipe it all the same: rackstrap reprovision ${node.name}`;
      return [
        agreeMembers(work, node.name),
        ...removeMember(work, node, { onlyDead: { comeBack } }),
        fence(work, node, { gone, overSsh: false }),
        awaitHardware(work, node),
      ];
    }),
};

async function draftReplace(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const typed = options.parse(order.options);
  const views = await tools.cluster.fresh();
  const judged = chosen.map(({ name }) => judgeRemoval(views, name, order.force.includes(name)));
  const install = installDraft(tools.inventory().limits.nodesPerRun, chosen, typed);
  return {
    operations: install.operations.map((operation) => ({
      ...operation,
      parameters: { ...operation.parameters, gone: typed.gone },
    })),
    destroys: [
      ...chosen.map(({ name }) => `the membership of ${name}, and all that only it still had`),
      ...install.destroys,
    ],
    quorum: judged.flatMap(({ quorum }) => quorum),
    notes: [
      ...install.notes,
      ...typed.gone.map((name) => `node ${name}: its former machine is taken for gone, unseen`),
    ],
    refusals: [
      ...oneNode(chosen),
      ...install.refusals,
      ...chosen.flatMap(({ name }) => stillAlive(lifeSigns(views, name), name)),
      ...chosen.flatMap((node) => untold(tools, node, typed.gone)),
      ...chosen.flatMap((node) => formerMachineRefusals(tools.nodes, node, typed.gone)),
      ...chosen.flatMap((node) => neverInstalled(tools, node, typed.gone)),
      ...chosen.flatMap((node) => notInstallable(tools, node, withoutMembership(tools, node))),
      ...judged.flatMap(({ refusals }) => refusals),
    ],
  };
}

/** Whose machine the member was nobody knows: the declared BMC may be another's. */
function neverInstalled(
  { nodes }: OperationTools,
  { name }: Node,
  gone: readonly string[],
): OrderRefusal[] {
  if (nodes.lastInstall(name) !== undefined || gone.includes(name)) return [];
  return [
    {
      reason: `node ${name} was never installed from here, so its BMC may not be that of the machine which was the member`,
      next: `make sure that the former machine is off and stays off, then say so: --gone ${name}`,
    },
  ];
}

/** Of a node that runs no layer no member can tell whether it lives. */
function untold(
  { inventory, nodes }: OperationTools,
  node: Node,
  gone: readonly string[],
): OrderRefusal[] {
  const { name } = node;
  if (layersOf(inventory(), node).length > 0 || gone.includes(name)) return [];
  const { state } = nodes.node(name);
  if (state !== "active" && state !== "drained") return [];
  return [
    {
      reason: `node ${name} is ${state} and runs no layer of the cluster, so no member can tell whether it is dead`,
      next: `if it lives, wipe it with: rackstrap reprovision ${name}; if its machine is gone for good, say so: --gone ${name}`,
    },
  ];
}

function stillAlive(signs: readonly string[], name: string): OrderRefusal[] {
  if (signs.length === 0) return [];
  return [
    {
      reason: `node ${name} is alive: ${signs.join(", ")}`,
      next: `replace is for the dead; wipe a living node and let it join again with: rackstrap reprovision ${name}`,
    },
  ];
}

/** The state that the node will be in when it is no member any more. */
export function withoutMembership({ nodes }: Pick<OperationTools, "nodes">, { name }: Node) {
  const { state } = nodes.node(name);
  return nextState(state, "member-removed") ?? state;
}
