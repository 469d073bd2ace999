// What a driver of a Raft layer is: the questions and changes that rackstrap needs, and the layers' names.
// Each layer's driver is a file of its own; what the answers mean together is judged in judge.ts.

import type { Answer, Identity, Limits } from "./client.ts";

/** The kinds of Raft layer that have a driver. */
export const layers = ["chainfire", "flaredb", "etcd"] as const;
export type Layer = (typeof layers)[number];

/** A machine that is, or may become, a member. `address` is the one its API listens on. */
export interface ClusterNode {
  readonly name: string;
  readonly fqdn: string;
  readonly address: string;
}

/** Where members listen: for questions, and for each other. */
export interface LayerPorts {
  readonly port: number;
  readonly raftPort: number;
}

export interface Member {
  readonly id: string;
  readonly raftAddress: string;
  /** `healthy`, or another word of the member that was asked; `unknown` where its list says nothing of it. */
  readonly status: string;
  readonly role: "leader" | "follower" | "learner";
}

/** Whom a member takes for the leader; `id` is undefined while there is none. */
export interface LeaderView {
  readonly id: string | undefined;
  readonly term: number | undefined;
}

export interface Health {
  readonly status: string;
  /** The member's own place in Raft: leader, follower, learner, or none before it is in a cluster. */
  readonly raft: string;
  readonly clusterSize: number | undefined;
  /** FlareDB only: whether it reaches Chainfire. */
  readonly chainfire: string | undefined;
}

/** How far one member is. What its API does not tell is undefined. */
export interface RaftStatus {
  readonly term: number | undefined;
  /** The last log index that this member knows to be committed. */
  readonly commitIndex: number | undefined;
  /** The last one whose effect it holds. */
  readonly appliedIndex: number | undefined;
  readonly dbSizeBytes: number | undefined;
}

export interface Snapshot {
  readonly bytes: number;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
  readonly term: number;
  /** The snapshot holds at least everything up to this log index. */
  readonly index: number;
}

/** `catching-up`: the learner's log is not near enough to the leader's; ask again. */
export type Promotion = "promoted" | "voter-already" | "catching-up";

/** `unsupported`: this server has no such call; its members elect another leader when this one stops. */
export type Transfer = "transferred" | "unsupported";

export interface Driver extends LayerPorts {
  readonly layer: Layer;
  members(node: ClusterNode, signal: AbortSignal): Promise<Answer<readonly Member[]>>;
  leader(node: ClusterNode, signal: AbortSignal): Promise<Answer<LeaderView>>;
  health(node: ClusterNode, signal: AbortSignal): Promise<Answer<Health>>;
  status(node: ClusterNode, signal: AbortSignal): Promise<Answer<RaftStatus>>;
  putKey(
    node: ClusterNode,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  getKey(node: ClusterNode, key: string, signal: AbortSignal): Promise<Answer<string>>;
  /** Adds a learner through a member. One that is a member at this address already is not added again; at another, it is refused. */
  addMember(
    through: ClusterNode,
    member: Pick<Member, "id" | "raftAddress">,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly added: boolean }>>;
  /** Removes a voter or learner through a member. `absent`: no member is called so. */
  removeMember(
    through: ClusterNode,
    id: string,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly absent: boolean }>>;
  /** Makes a voter of a learner. Absent where the cluster does that by itself. */
  promote?(through: ClusterNode, id: string, signal: AbortSignal): Promise<Answer<Promotion>>;
  /** Asks the leader to hand its place to another voter. */
  transferLeader(leader: ClusterNode, toId: string, signal: AbortSignal): Promise<Answer<Transfer>>;
  /** Writes the member's data to `file`, mode 0600, which appears whole and checked or not at all. */
  snapshot(node: ClusterNode, file: string, signal: AbortSignal): Promise<Answer<Snapshot>>;
}

export interface DriverOptions {
  /** The cluster CA in PEM, asked for at each exchange; no other authority is trusted. */
  readonly ca: () => string;
  readonly limits?: Limits;
  /** The layer's usual ones unless given. */
  readonly ports?: LayerPorts;
  /** Shown to members that ask who calls, as etcd does that has a CA. */
  readonly identity?: () => Promise<Identity>;
  /** The node at an address, for member lists that know a member by its address alone. */
  readonly nodeAt?: (address: string) => string | undefined;
}
