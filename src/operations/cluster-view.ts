// What operations need to know of one Raft layer, as judged from all of its members' answers.

export type Layer = "chainfire" | "flaredb";

export const layers: readonly Layer[] = ["chainfire", "flaredb"];

export interface MemberView {
  readonly name: string;
  readonly role: "leader" | "follower" | "learner";
  readonly healthy: boolean;
}

export interface LayerView {
  readonly layer: Layer;
  readonly verdict: "healthy" | "degraded" | "no-quorum" | "no-cluster";
  /** The leader that every answering member names. */
  readonly leader: string | undefined;
  readonly members: readonly MemberView[];
  /** Sentences on everything that is not as it should be. */
  readonly reasons: readonly string[];
}
