// Whether the cluster was ever formed, as far as the live cluster and the store can say. Pure.
// Every doubt is "unknown": a node that is told to form a cluster which exists makes a second one.

import type { Judgement } from "../cluster/judge.ts";
import type { ClusterState } from "../generate/site.ts";
import { clusterPeers } from "../inventory/peers.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { BootstrapClaim } from "./operation.ts";

interface FormationFacts {
  readonly inventory: Inventory;
  /** Of each layer, chainfire first. */
  readonly views: readonly Judgement[];
  readonly claim: BootstrapClaim | undefined;
  /** Whether a node was ever installed to be in the cluster. */
  readonly wasInstalled: (node: string) => boolean;
}

export function formationOf(facts: FormationFacts): ClusterState {
  const { inventory, views, claim } = facts;
  const cluster = inventory.cluster.name;
  const live = views.filter(({ verdict }) => verdict !== "no-cluster");
  if (live.length > 0) return liveFormation(inventory, live);
  const doubtful = views.find((view) => view.doubtful.length > 0);
  if (doubtful !== undefined)
    return unknown(
      `${doubtful.doubtful.join(", ")} answers on the ports of ${doubtful.layer} and is not understood, so nobody can say whether cluster ${cluster} exists`,
    );
  const peers = clusterPeers(inventory);
  const founder = peers.find(({ name }) => name === claim?.node);
  // A join document never makes a second cluster, also while nobody answers.
  if (claim?.initialisedAtMs !== undefined && peers.length > 0)
    return {
      state: "formed",
      through: [...new Set([...(founder === undefined ? [] : [founder]), ...peers])].map(
        ({ fqdn }) => fqdn,
      ),
    };
  if (claim?.node !== undefined && founder === undefined && facts.wasInstalled(claim.node))
    return unknown(
      `${claim.node} was installed to form cluster ${cluster} and is not among its peers any more, so nobody can say whether it did`,
    );
  const installed = inventory.nodes.find(({ name }) => facts.wasInstalled(name));
  if (installed !== undefined)
    return unknown(
      `node ${installed.name} was installed to be in cluster ${cluster} and no member answers yet, so nobody can say whether it exists`,
    );
  return { state: "unformed", founder: founder?.fqdn };
}

/** Through its leader, or through another healthy voter for the leader itself. */
function liveFormation(inventory: Inventory, live: readonly Judgement[]): ClusterState {
  const { name } = inventory.cluster;
  const split = live.find(({ disagreement }) => disagreement?.kind === "two-clusters");
  if (split !== undefined) return unknown(`${split.layer}: ${split.disagreement?.detail}`);
  const leading = live.find(({ leader }) => leader !== undefined);
  const voters = live.flatMap(({ healthyVoters }) => healthyVoters);
  const through = [leading?.leader, ...voters].flatMap(
    (voter) => inventory.nodes.find((node) => node.name === voter)?.fqdn ?? [],
  );
  if (leading === undefined || through.length === 0)
    return unknown(`cluster ${name} answers, and its members name no leader of this inventory`);
  return { state: "formed", through: [...new Set(through)] };
}

function unknown(reason: string): ClusterState {
  return { state: "unknown", reason, next: "look at the cluster: rackstrap cluster status" };
}
