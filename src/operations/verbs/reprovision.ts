// reprovision: a node is taken out of the cluster, wiped, installed, and joins again; its own data is lost.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import { changesSinceInstall } from "../former-machine.ts";
import { joiningPlan } from "../joining.ts";
import { judgeRemoval } from "../removal.ts";
import { agreeMembers } from "../steps/agree-members.ts";
import { checkReady, notReady } from "../steps/check-ready.ts";
import { fence } from "../steps/fence.ts";
import { handOver } from "../steps/hand-over.ts";
import { removeMember } from "../steps/remove-member.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb } from "../verb.ts";
import { onceJoined } from "../verb.ts";
import { oneNode } from "./drain.ts";
import { installDraft, installOptions, notInstallable } from "./provision.ts";
import { withoutMembership } from "./replace.ts";

const options = z.strictObject(installOptions);

export const reprovision: Verb = {
  disruptive: true,
  resumable: onceJoined,
  options,
  draft: draftReprovision,
  plan: (tools, operation) =>
    joiningPlan(tools, operation, (work, node) => [
      checkReady(work, node),
      agreeMembers(work, node.name),
      handOver(work, node),
      ...removeMember(work, node, { onlyDead: false }),
      fence(work, node, { gone: false, overSsh: false }),
    ]),
};

async function draftReprovision(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const typed = options.parse(order.options);
  const views = await tools.cluster.fresh();
  const { signal } = new AbortController();
  const unready = await Promise.all(chosen.map((node) => notReady(tools, node, signal)));
  const judged = chosen.map(({ name }) => judgeRemoval(views, name, order.force.includes(name)));
  const install = installDraft(tools.inventory().limits.nodesPerRun, chosen, typed);
  return {
    ...install,
    quorum: judged.flatMap(({ quorum }) => quorum),
    notes: [
      ...chosen
        .filter(({ services }) => services.includes("plasmavmc"))
        .map(
          ({ name }) => `node ${name} may run virtual machines, which end: rackstrap drain ${name}`,
        ),
      ...install.notes,
    ],
    refusals: [
      ...oneNode(chosen),
      ...install.refusals,
      ...chosen.flatMap((node) => otherMachine(tools, node)),
      ...chosen.flatMap((node) => notInstallable(tools, node, withoutMembership(tools, node))),
      ...unready.flat(),
      ...judged.flatMap(({ refusals }) => refusals),
    ],
  };
}

/** The machine that is wiped has to be the one that is a member. */
function otherMachine({ nodes }: OperationTools, node: Node): OrderRefusal[] {
  const changes = changesSinceInstall(nodes, node);
  if (changes.length === 0) return [];
  return [
    {
      reason: `node ${node.name} was another machine at its last install: ${changes.join(", ")}`,
      next: `put the new machine in its place: rackstrap replace ${node.name}`,
    },
  ];
}
