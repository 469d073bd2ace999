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
  /** Full names of all declared control-plane nodes, in the inventory's order. */
  readonly peers: readonly string[];
  /** Full name of the node that holds, or would get, the bootstrap claim. */
  readonly founder: string;
  readonly founderName: string;
}

export type MembershipDecision =
  | { readonly membership: ClusterMembership }
  | { readonly wait: string }
  | { readonly refused: string; readonly next: string };

/** What `candidate` must be told: form the cluster, or join it through its leader. */
export function decideMembership(view: ClusterView, candidate: Candidate): MembershipDecision {
  if (view.answering !== undefined) {
    const { leader } = view.answering;
    return leader === undefined
      ? { wait: `cluster ${view.cluster} answers but its members name no leader` }
      : { membership: { kind: "join", leader } };
  }
  if (view.claim?.initialisedAtMs !== undefined)
    return {
      refused: `cluster ${view.cluster} was formed at ${new Date(view.claim.initialisedAtMs).toISOString()} and none of its members answers: forming it again would make a second cluster`,
      next: "bring one of its members back (rackstrap cluster status), then provision again",
    };
  return candidate.name === candidate.founderName
    ? { membership: { kind: "bootstrap", peers: candidate.peers } }
    : { membership: { kind: "join", leader: candidate.founder } };
}
