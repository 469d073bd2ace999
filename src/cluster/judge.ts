// What the members of one layer say, judged together: is there one cluster, one leader, a majority?
// Pure; it asks nobody. Learners do not vote and are never counted.

import type { Health, Layer, LeaderView, Member } from "./driver.ts";

/** What one machine answered. `failure` is the first question that got no answer. */
export interface Observation {
  readonly members?: readonly Member[];
  readonly leader?: LeaderView;
  readonly health?: Health;
  readonly failure?: string;
  /** True when no question found anybody there. */
  readonly silent?: boolean;
}

/**
 * healthy: all voters healthy, all agree on one leader, and whoever is expected is a voter.
 * degraded: a majority of healthy voters, and something to look at in `reasons`.
 * no-quorum: members answer, but no leader or no healthy majority.
 * no-cluster: no machine answers as a member.
 */
type Verdict = "healthy" | "degraded" | "no-quorum" | "no-cluster";

interface Disagreement {
  readonly kind: "two-clusters" | "leader" | "members";
  readonly detail: string;
}

export interface Judgement {
  readonly layer: Layer;
  readonly verdict: Verdict;
  readonly voters: readonly string[];
  readonly healthyVoters: readonly string[];
  /** Set only when every machine that answers names the same one. */
  readonly leader: string | undefined;
  readonly disagreement: Disagreement | undefined;
  /**
   * Machines that are there and gave no answer that can be judged: a stranger's certificate, an error, a hanging
   * service. While there is one, "no-cluster" does not mean that there is no cluster.
   */
  readonly doubtful: readonly string[];
  /** Machines on which something answers for this layer, whatever it says: none of them is dead. */
  readonly answering: readonly string[];
  /** Why the verdict is not better, the gravest first. */
  readonly reasons: readonly string[];
  /** The member list that was judged: the leader's own, or the one most machines show. */
  readonly members: readonly Member[];
}

export interface Question {
  readonly layer: Layer;
  /** Names that must be voters; without it only what the members say of each other counts. */
  readonly expected?: readonly string[];
  readonly observations: ReadonlyMap<string, Observation>;
}

/** One machine's picture of the cluster it is in. */
interface View {
  readonly node: string;
  readonly members: readonly Member[];
  readonly leader: string | undefined;
  readonly term: number | undefined;
}

/** The voters that must agree: more than half of them. */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

export function judge(question: Question): Judgement {
  const { layer, observations, expected } = question;
  const views = [...observations].flatMap(([node, seen]) => viewOf(node, seen));
  const reference = referenceView(views);
  const namesOf = (is: (seen: Observation) => boolean) =>
    [...observations].flatMap(([node, seen]) => (is(seen) ? [node] : []));
  const doubtful = namesOf(isDoubtful);
  const answering = namesOf(({ silent }) => silent !== true);
  if (reference === undefined)
    return {
      layer,
      verdict: "no-cluster",
      voters: [],
      healthyVoters: [],
      leader: undefined,
      disagreement: undefined,
      reasons: [
        "no machine answers as a member of a cluster",
        ...silentReasons([...observations.keys()], observations),
      ],
      members: [],
      ...{ doubtful, answering },
    };
  const { members } = reference;
  const voters = members.filter(({ role }) => role !== "learner").map(({ id }) => id);
  const sick = new Map(
    members
      .filter(({ role }) => role !== "learner")
      .flatMap((member) => {
        const why = sickness(member, observations.get(member.id));
        return why === undefined ? [] : [[member.id, why] as const];
      }),
  );
  const healthyVoters = voters.filter((id) => !sick.has(id));
  const removed = views.filter((view) => isRemoved(view, reference, views));
  const heard = views.filter((view) => !removed.includes(view));
  const disagreement = disagreementOf(heard, healthyVoters);
  const leader = agreedLeader(heard);
  const lost = lostQuorum(voters, healthyVoters, heard);
  const reasons = [
    ...(disagreement === undefined ? [] : [disagreement.detail]),
    ...lost,
    ...[...sick].map(([id, why]) => `${id} ${why}`),
    ...removed.map(
      (view) =>
        `${view.node} was removed and runs on: it lists ${signature(view)}, and they list ${signature(reference)}`,
    ),
    ...expectedReasons(expected ?? [], members, observations),
    ...strangerReasons(members, expected, observations),
  ];
  const verdict = lost.length > 0 ? "no-quorum" : reasons.length > 0 ? "degraded" : "healthy";
  return {
    layer,
    verdict,
    voters,
    healthyVoters,
    leader,
    disagreement,
    reasons,
    members,
    ...{ doubtful, answering },
  };
}

/** A service that says it is in no cluster yet is understood, and so is one that is not there. */
function isDoubtful({ members, health, silent }: Observation): boolean {
  if (silent === true || (members !== undefined && members.length > 0)) return false;
  return health === undefined || health.raft !== "none";
}

function viewOf(node: string, seen: Observation): View[] {
  const { members, leader } = seen;
  if (members === undefined || members.length === 0) return [];
  const named = leader === undefined ? listedLeader(members) : leader.id;
  return [{ node, members, leader: named, term: leader?.term }];
}

function listedLeader(members: readonly Member[]): string | undefined {
  return members.find(({ role }) => role === "leader")?.id;
}

/** The list of a machine that calls itself leader, else the list most machines show; ties go to the longer, then to the first by name. */
function referenceView(views: readonly View[]): View | undefined {
  const weight = (view: View) =>
    (view.leader === view.node ? 1000 : 0) +
    views.filter((other) => signature(other) === signature(view)).length;
  return views.toSorted(
    (a, b) =>
      weight(b) - weight(a) || b.members.length - a.members.length || (a.node < b.node ? -1 : 1),
  )[0];
}

/**
 * A member that was removed may never hear of it: it goes on telling the list that it last had, and what it says does not count
 * (docs/cluster-api.md). It follows nobody but one of those who stay, knows most of them, and most of them list it no more; else it is in
 * another cluster.
 */
function isRemoved(view: View, reference: View, views: readonly View[]): boolean {
  const stays = (name: string) => reference.members.some(({ id }) => id === name);
  if (stays(view.node) || (view.leader !== undefined && !stays(view.leader))) return false;
  const staying = reference.members.filter(({ role }) => role !== "learner").map(({ id }) => id);
  const known = staying.filter((name) => view.members.some(({ id }) => id === name));
  const agreed = views.filter(
    (other) => staying.includes(other.node) && signature(other) === signature(reference),
  );
  return [known, agreed].every(({ length }) => length >= majority(staying.length));
}

/** Equal for two views that hold the same members in the same standing, whoever leads. */
function signature(view: View): string {
  return view.members
    .map(({ id, role }) => (role === "learner" ? `${id} (learner)` : id))
    .toSorted()
    .join(", ");
}

function agreedLeader(views: readonly View[]): string | undefined {
  const named = new Set(views.map((view) => view.leader));
  return named.size === 1 ? views[0]?.leader : undefined;
}

function disagreementOf(
  views: readonly View[],
  healthyVoters: readonly string[],
): Disagreement | undefined {
  const two = twoClusters(views);
  if (two !== undefined) return { kind: "two-clusters", detail: two };
  const leaders = views.map((view) => `${view.node} says ${view.leader ?? "nobody"}`);
  if (new Set(views.map((view) => view.leader)).size > 1)
    return { kind: "leader", detail: `no agreement on the leader: ${leaders.join(", ")}` };
  const contradicting = views.find((view) => {
    const listed = listedLeader(view.members);
    return listed !== undefined && listed !== view.leader;
  });
  if (contradicting !== undefined)
    return {
      kind: "leader",
      detail: `${contradicting.node} names ${contradicting.leader ?? "nobody"} as leader and lists ${listedLeader(contradicting.members)}`,
    };
  // Of a voter that does not count as healthy nothing hangs on how far it has come.
  const terms = views
    .filter(({ node }) => healthyVoters.includes(node))
    .flatMap(({ node, term }) => (term === undefined ? [] : [{ node, term }]));
  // One of them has not heard of the last election, or holds nothing of that term yet.
  if (new Set(terms.map(({ term }) => term)).size > 1)
    return {
      kind: "leader",
      detail: `no agreement on the term: ${terms.map(({ node, term }) => `${node} says ${term}`).join(", ")}`,
    };
  if (new Set(views.map(signature)).size > 1)
    return {
      kind: "members",
      detail: `no agreement on the members: ${views.map((view) => `${view.node} lists ${signature(view)}`).join("; ")}`,
    };
  return undefined;
}

/**
 * Two views that can't belong to one cluster: no member in common, or two machines that each call themselves
 * leader over different members or in the same term (one term has one leader: Raft §5.2).
 */
function twoClusters(views: readonly View[]): string | undefined {
  for (const [index, a] of views.entries())
    for (const b of views.slice(index + 1)) {
      const disjoint = !a.members.some(({ id }) => b.members.some((other) => other.id === id));
      const bothLead = a.leader === a.node && b.leader === b.node;
      const apart = signature(a) !== signature(b) || (a.term !== undefined && a.term === b.term);
      if (disjoint || (bothLead && apart))
        return `two clusters: ${a.node} is in {${signature(a)}}, ${b.node} is in {${signature(b)}}`;
    }
  return undefined;
}

/** Why a listed voter does not count as healthy; undefined when it does. A voter nobody could ask counts by what the list says. */
function sickness(member: Member, seen: Observation | undefined): string | undefined {
  // A list that says nothing of its members' health leaves it to them.
  const isLeftToIt = member.status === "unknown" && seen !== undefined;
  if (member.status !== "healthy" && !isLeftToIt) return `is listed as ${member.status}`;
  if (seen === undefined) return undefined;
  if (seen.failure !== undefined) return `gives no full answer: ${seen.failure}`;
  if (seen.health?.status !== "healthy") return `calls itself ${seen.health?.status ?? "nothing"}`;
  if (seen.health.raft !== "leader" && seen.health.raft !== "follower")
    return `is listed as a voter and calls itself ${seen.health.raft}`;
  if (seen.health.chainfire !== undefined && seen.health.chainfire !== "connected")
    return `is not connected to chainfire: ${seen.health.chainfire}`;
  return undefined;
}

function lostQuorum(
  voters: readonly string[],
  healthyVoters: readonly string[],
  views: readonly View[],
): string[] {
  const needed = majority(voters.length);
  return [
    ...(views.some((view) => view.leader !== undefined) ? [] : ["no member knows a leader"]),
    ...(healthyVoters.length >= needed
      ? []
      : [`no majority: voters ${voters.length}, healthy ${healthyVoters.length} < ${needed}`]),
  ];
}

function expectedReasons(
  expected: readonly string[],
  members: readonly Member[],
  observations: ReadonlyMap<string, Observation>,
): string[] {
  return expected.flatMap((name) => {
    const member = members.find(({ id }) => id === name);
    if (member?.role === "learner") return [`${name} is still a learner`];
    if (member !== undefined) return [];
    const failed = observations.get(name)?.failure;
    return [`${name} is not a member${failed === undefined ? "" : `: ${failed}`}`];
  });
}

/** Members that nobody declared: a leftover of an old machine still takes part in every vote. */
function strangerReasons(
  members: readonly Member[],
  expected: readonly string[] | undefined,
  observations: ReadonlyMap<string, Observation>,
): string[] {
  return members
    .filter(({ id }) => !observations.has(id) && expected?.includes(id) !== true)
    .map(({ id, role, raftAddress }) => `unknown ${role} ${id} at ${raftAddress}`);
}

function silentReasons(
  nodes: readonly string[],
  observations: ReadonlyMap<string, Observation>,
): string[] {
  return nodes.map((name) => `${name}: ${observations.get(name)?.failure ?? "in no cluster"}`);
}
