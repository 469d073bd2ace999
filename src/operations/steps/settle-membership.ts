// Decides from the live cluster whether this node forms it or joins it, and writes the files it will carry.

import type { Judgement } from "../../cluster/judge.ts";
import { clusterPeers, memberNodes } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { comingFounder, decideMembership } from "../membership.ts";
import type { BootstrapClaim, Operation, OperationKind } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";

export function settleMembership(context: StepContext): Step {
  const { node, inventory, install } = context;
  return {
    id: "membership",
    title: "bootstrap or join, from the live cluster",
    deadlineMs: 120_000,
    next: "look at the cluster: rackstrap cluster status",
    run: async ({ operation }) => {
      const cluster = inventory.cluster.name;
      const views = await context.cluster.views();
      const obstacle = obstacleTo(context, views);
      if (obstacle !== undefined) return obstacle;
      const answering = liveLeader(context, views);
      if (answering !== undefined) context.clusters.markInitialised(cluster);
      const founders = clusterPeers(inventory);
      const claim =
        answering === undefined
          ? claimFor(context, operation, founders)
          : context.clusters.claim(cluster);
      const decision = decideMembership(
        { cluster, answering, claim },
        {
          name: node.name,
          isPeer: founders.some((other) => other.name === node.name),
          peers: founders.map((other) => other.fqdn),
          founder: founderOf(context, founders, claim),
        },
      );
      if ("wait" in decision) return wait(3000, decision.wait);
      if ("refused" in decision) return failed(decision.refused, decision.next);
      // The other procedures begin with a living cluster: one that is not seen any more is no reason to form another.
      if (decision.membership.kind === "bootstrap" && !forming.includes(operation.kind))
        return failed(
          `cluster ${cluster} does not answer any more, and ${operation.kind} never forms one: nothing was wiped`,
          "look at the cluster: rackstrap cluster status",
        );
      const left =
        decision.membership.kind === "bootstrap" ? installedOthers(context, operation) : [];
      if (left.length > 0)
        return failed(
          `${left.join(", ")} was installed to be in cluster ${cluster} and does not answer: forming it again could make a second cluster`,
          `bring it back, or provision all of them together: rackstrap provision ${[node.name, ...left].join(" ")}`,
        );
      await install.prepare(decision.membership);
      return done({ membership: decision.membership });
    },
  };
}

/** The procedures that may begin without a cluster. */
const forming: readonly OperationKind[] = ["provision", "disaster-recover"];

/**
 * Who is to form the cluster: the first founder of the batch whose operation runs, unless somebody has claimed it. A claim is made before any
 * install, in the store: two operations can't both get it. One whose node was never written to, and which nobody brings up now, has told
 * no machine anything, and is passed on.
 */
function claimFor(
  { clusters, inventory, nodes, operations }: StepContext,
  { kind, batch }: Operation,
  founders: readonly Node[],
): BootstrapClaim | undefined {
  const cluster = inventory.cluster.name;
  const isComing = (name: string) => operations.runningFor(name) !== undefined;
  const names = founders.map(({ name }) => name);
  const first = forming.includes(kind) ? comingFounder(names, batch, isComing) : undefined;
  if (first === undefined) return clusters.claim(cluster);
  const claim = clusters.claimBootstrap(cluster, first);
  const holder = claim.initialisedAtMs === undefined ? claim.node : undefined;
  if (holder === undefined || isComing(holder) || nodes.wasInstalled(holder)) return claim;
  clusters.formAnew(cluster, first);
  return clusters.claim(cluster);
}

/** The machine is off its old system now, so what the cluster says of it will not change any more. */
function obstacleTo(context: StepContext, views: readonly Judgement[]): StepResult | undefined {
  const { name } = context.node;
  const member = views.find((view) => view.members.some(({ id }) => id === name));
  if (member !== undefined)
    return failed(
      `node ${name} has become a member of ${member.layer} meanwhile: nothing was wiped`,
      `to wipe it all the same and let it join again: rackstrap reprovision ${name}`,
    );
  if (views.some((view) => view.verdict !== "no-cluster")) return undefined;
  const doubtful = views.find((view) => view.doubtful.length > 0);
  return doubtful === undefined
    ? undefined
    : wait(
        3000,
        `${doubtful.doubtful.join(", ")} answers on the ports of ${doubtful.layer} and is not understood, so nobody can say that there is no cluster: ${doubtful.reasons.join("; ")}`,
      );
}

function founderOf(
  { operations }: StepContext,
  founders: readonly Node[],
  claim: BootstrapClaim | undefined,
) {
  const founder = founders.find((other) => other.name === claim?.node);
  if (founder === undefined) return undefined;
  const { name, fqdn } = founder;
  const onItsWay = operations.runningFor(name) !== undefined;
  return { name, fqdn, onItsWay };
}

/** Nodes that carry the cluster's files on their disks and are not about to be wiped with this one. */
function installedOthers({ inventory, nodes, node }: StepContext, { batch }: Operation): string[] {
  return memberNodes(inventory)
    .map((other) => other.name)
    .filter((name) => name !== node.name && !batch.includes(name) && nodes.wasInstalled(name));
}

/** The leader's full name when any member answers on any layer; chainfire speaks first, it is what others join through. */
function liveLeader(
  context: StepContext,
  views: readonly Judgement[],
): { leader: string | undefined } | undefined {
  const live = views.filter((view) => view.verdict !== "no-cluster");
  if (live.length === 0) return undefined;
  const name = live.find((view) => view.leader !== undefined)?.leader;
  return { leader: context.inventory.nodes.find((node) => node.name === name)?.fqdn };
}
