// add: from an inventory entry to a verified member of a cluster that lives, one node after the other. It never forms a cluster.

import { z } from "zod";
import type { Judgement } from "../../cluster/judge.ts";
import { layersOf } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { judgeGrowth } from "../budget.ts";
import { joiningPlan } from "../joining.ts";
import { agreeMembers } from "../steps/agree-members.ts";
import { awaitTurn } from "../steps/await-turn.ts";
import { checkGrowth } from "../steps/check-growth.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb } from "../verb.ts";
import { onceJoined } from "../verb.ts";
import { installDraft, installOptions, notInstallable } from "./provision.ts";

const options = z.strictObject(installOptions);

export const add: Verb = {
  // It takes nobody away; beside one that does, it is refused, and others of its kind wait for their turn.
  disruptive: false,
  resumable: onceJoined,
  options,
  draft: draftAdd,
  plan: (tools, operation) =>
    joiningPlan(tools, operation, (work, node) => [
      awaitTurn(work, node),
      agreeMembers(work, node.name),
      checkGrowth(work, node),
    ]),
};

async function draftAdd(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const typed = options.parse(order.options);
  const views = await tools.cluster.fresh();
  const install = installDraft(tools.inventory().limits.nodesPerRun, chosen, typed);
  const lifeless = views.flatMap((view) => notLiving(view, chosen));
  const living = views.filter(({ verdict }) => verdict !== "no-cluster");
  // How many become voters of each layer: a node may run one of them, or none.
  const more = ({ layer }: Judgement) =>
    chosen.filter((node) => layersOf(tools.inventory(), node).includes(layer)).length;
  const growing = living.filter((view) => more(view) > 0);
  const growth = judgeGrowth(growing);
  return {
    ...install,
    quorum: growth.quorum,
    notes: [...install.notes, ...growing.flatMap((view) => evenNumber(view, more(view)))],
    refusals: [
      ...install.refusals,
      ...lifeless,
      ...chosen.flatMap(({ name }) => living.flatMap((view) => memberAlready(view, name))),
      ...chosen.flatMap((node) => notInstallable(tools, node)),
      ...growth.refusals,
    ],
  };
}

function notLiving(view: Judgement, chosen: readonly Node[]): OrderRefusal[] {
  const { layer, verdict, leader, disagreement, reasons } = view;
  const names = chosen.map(({ name }) => name).join(" ");
  if (verdict === "no-cluster")
    return [
      {
        reason: `${layer}: there is no live cluster to join (${reasons.join("; ")})`,
        next: `bring a member back (rackstrap cluster status); a cluster that was never formed begins with: rackstrap provision ${names}`,
      },
    ];
  const why = disagreement?.detail ?? (leader === undefined ? reasons.join(", ") : undefined);
  if (why === undefined) return [];
  return [{ reason: `${layer}: ${why}`, next: "look at the cluster: rackstrap cluster status" }];
}

function memberAlready({ layer, members }: Judgement, name: string): OrderRefusal[] {
  const member = members.find(({ id }) => id === name);
  if (member === undefined) return [];
  const place = member.role === "learner" ? "learner" : "voter";
  return [
    {
      reason: `node ${name} is a ${place} of ${layer} already`,
      next: `wipe it and let it join again with rackstrap reprovision ${name}, or, if its machine is gone, rackstrap replace ${name}`,
    },
  ];
}

/** Four voters bear no more losses than three. */
function evenNumber({ layer, voters }: Judgement, more: number): string[] {
  const then = voters.length + more;
  if (then % 2 === 1) return [];
  return [`${layer}: ${then} voters go on with ${then / 2 - 1} of them lost, as ${then - 1} do`];
}
