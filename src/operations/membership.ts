// Bootstrap or join, computed from the live cluster and never from a flag in a file. Pure.
// A second cluster beside a living one is the worst this program could cause, so every doubt is a refusal.

import type { ClusterMembership } from "../boot/cluster-config.ts";
import type { BootstrapClaim } from "./operation.ts";

export interface ClusterView {
  readonly cluster: string;
  /** Full name of the leader that the cluster's members name, when any member answers on any layer. */
  readonly answering: { readonly leader: string | undefined } | undefined;
  readonly claim: BootstrapClaim | undefined;
}

export interface Candidate {
  readonly name: string;
  /** It is one of the control-plane nodes that may form the cluster. */
  readonly isPeer: boolean;
  /** Full names of all declared control-plane nodes, in the inventory's order. */
  readonly peers: readonly string[];
  /** The declared node that holds the bootstrap claim, and whether an operation is bringing it up now. */
  readonly founder:
    | { readonly name: string; readonly fqdn: string; readonly onItsWay: boolean }
    | undefined;
}

export type MembershipDecision =
  | { readonly membership: ClusterMembership }
  | { readonly wait: string }
  | { readonly refused: string; readonly next: string };

/**
 * The first of the founders in a batch that is on its way: it claims the cluster, and the others join it. One whose operation has ended
 * brings nobody up. All are names.
 */
export function comingFounder(
  founders: readonly string[],
  batch: readonly string[],
  isComing: (name: string) => boolean,
): string | undefined {
  return founders.find((name) => batch.includes(name) && isComing(name));
}

/** What `candidate` must be told: form the cluster, or join it through its leader. */
export function decideMembership(view: ClusterView, candidate: Candidate): MembershipDecision {
  const { cluster, answering, claim } = view;
  const { name, founder, peers } = candidate;
  if (answering !== undefined)
    return answering.leader === undefined
      ? { wait: `cluster ${cluster} answers but its members name no leader` }
      : { membership: { kind: "join", leader: answering.leader } };
  // A founder that comes up now is joined, formed or not: joining makes no second cluster.
  if (founder !== undefined && founder.name !== name && founder.onItsWay)
    return { membership: { kind: "join", leader: founder.fqdn } };
  if (claim?.initialisedAtMs !== undefined)
    return {
      refused: `cluster ${cluster} was formed at ${new Date(claim.initialisedAtMs).toISOString()} and none of its members answers: forming it again would make a second cluster`,
      next: "bring one of its members back (rackstrap cluster status), then provision again",
    };
  if (founder === undefined && claim?.node !== undefined && candidate.isPeer)
    return {
      refused: `node ${claim.node} was to form cluster ${cluster}, and is no declared control-plane node any more: nothing was wiped`,
      next: `declare it again; where it is gone for good: rackstrap disaster-recover --bootstrap --cluster ${cluster} --on ${name}`,
    };
  if (founder === undefined)
    return {
      refused: `cluster ${cluster} does not exist yet, and no declared control-plane node is to form it`,
      next: "provision a control-plane node together with this one",
    };
  if (founder.name === name) return { membership: { kind: "bootstrap", peers } };
  return {
    refused: `node ${founder.name} is to form cluster ${cluster}, and it is neither alive nor being provisioned: nothing was wiped`,
    next: `provision both: rackstrap provision ${founder.name} ${name}`,
  };
}
