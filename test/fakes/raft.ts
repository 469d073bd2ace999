// The Raft layers of a rack in memory: machines join when they have booted from their disks, stay on the lists until they are removed,
// and answer while they run. What must never happen is noted.

import { failure, success } from "../../src/cluster/client.ts";
import type { Layer, Member } from "../../src/cluster/driver.ts";
import { type Judgement, judge, majority, type Observation } from "../../src/cluster/judge.ts";
import type { ClusterAccess } from "../../src/operations/cluster-access.ts";
import { fakeCluster } from "./cluster.ts";
import type { FakeMachine } from "./rack.ts";

export interface FakeRaft {
  readonly machines: ReadonlyMap<string, FakeMachine>;
  /** By layer and name: whether it is a learner. */
  readonly members: Map<Layer, Map<string, { learner: boolean }>>;
  readonly leaders: Map<Layer, string>;
  /** What must never happen, in sentences. */
  readonly violations: string[];
}

export function fakeRaft(
  layers: readonly Layer[],
  machines: ReadonlyMap<string, FakeMachine>,
): FakeRaft {
  const members = new Map(layers.map((layer) => [layer, new Map<string, { learner: boolean }>()]));
  return { machines, members, leaders: new Map(), violations: [] };
}

/** Its members as operations reach them. */
export function clusterOf(raft: FakeRaft): ClusterAccess {
  return fakeCluster([...raft.members.keys()], (layer) => look(raft, layer), {
    removeMember: async (layer, id) => remove(raft, layer, id),
    transferLeader: async (layer, { to }) => {
      raft.leaders.set(layer, to);
      return success("transferred");
    },
  });
}

/** Whether a machine's services answer. */
export function isUp({ machines }: FakeRaft, name: string): boolean {
  const machine = machines.get(name);
  return (
    machine?.disk === "installed" &&
    machine.fault !== "never-joins" &&
    machine.fault !== "dead" &&
    machine.stopped.size === 0
  );
}

function listOf({ members }: FakeRaft, layer: Layer) {
  return members.get(layer) ?? new Map<string, { learner: boolean }>();
}

export function votersOf(raft: FakeRaft, layer: Layer): string[] {
  return [...listOf(raft, layer)].flatMap(([name, { learner }]) => (learner ? [] : [name]));
}

export function healthyVotersOf(raft: FakeRaft, layer: Layer): string[] {
  return votersOf(raft, layer).filter((name) => isUp(raft, name));
}

function look(raft: FakeRaft, layer: Layer): Judgement {
  for (const [name, machine] of raft.machines) join(raft, layer, name, machine);
  elect(raft, layer);
  return judge({ layer, observations: observationsOf(raft, layer) });
}

function join(raft: FakeRaft, layer: Layer, name: string, machine: FakeMachine): void {
  const list = listOf(raft, layer);
  if (!isUp(raft, name) || machine.leaving) return;
  // Without a cluster nobody can join; its founder makes it.
  if (list.size === 0 && machine.membership?.kind !== "bootstrap") return;
  const known = list.get(name);
  const learner = machine.fault === "stays-learner";
  if (known === undefined) list.set(name, { learner });
  else known.learner &&= learner;
}

function elect(raft: FakeRaft, layer: Layer): void {
  const { leaders } = raft;
  const able = healthyVotersOf(raft, layer);
  const now = leaders.get(layer);
  if (able.length < majority(votersOf(raft, layer).length)) leaders.delete(layer);
  else if (now === undefined || !able.includes(now)) leaders.set(layer, able[0] ?? "nobody");
}

function observationsOf(raft: FakeRaft, layer: Layer): ReadonlyMap<string, Observation> {
  const leader = raft.leaders.get(layer);
  const list = [...listOf(raft, layer)].map(
    ([id, { learner }]): Member => ({
      id,
      raftAddress: `${id}:${layer === "flaredb" ? 2480 : 2380}`,
      status: isUp(raft, id) ? "healthy" : "unreachable",
      role: learner ? "learner" : id === leader ? "leader" : "follower",
    }),
  );
  const answer = (name: string): Observation => {
    if (raft.machines.get(name)?.fault === "stranger-answers")
      return { failure: "shows a certificate that the cluster CA did not sign" };
    const self = list.find(({ id }) => id === name);
    if (self?.status !== "healthy") return { failure: "connection refused", silent: true };
    const { length: clusterSize } = list;
    return {
      members: list,
      leader: { id: leader, term: 2 },
      health: { status: "healthy", raft: self.role, clusterSize, chainfire: undefined },
    };
  };
  return new Map([...raft.machines.keys()].map((name) => [name, answer(name)]));
}

function remove(raft: FakeRaft, layer: Layer, id: string) {
  look(raft, layer);
  const list = listOf(raft, layer);
  if (!raft.leaders.has(layer))
    return failure(`${layer}: no majority commits it`, { passing: true });
  const known = list.get(id);
  if (known === undefined) return success({ absent: true });
  list.delete(id);
  const left = healthyVotersOf(raft, layer).length;
  const needed = majority(votersOf(raft, layer).length);
  if (!known.learner && left < needed)
    raft.violations.push(`${layer}: without ${id} ${left} voters are reachable of ${needed}`);
  const machine = raft.machines.get(id);
  // What still runs there has no cluster any more, and does not come back by itself.
  if (machine !== undefined) machine.leaving = true;
  elect(raft, layer);
  return success({ absent: false });
}

/** What its install does to a machine: with its log, a member forgets whom it voted for. */
export function noteWipe({ members, violations }: FakeRaft, name: string): void {
  for (const [layer, list] of members)
    if (list.get(name)?.learner === false)
      violations.push(`${name} was wiped, a voter of ${layer}`);
}

export function noteMembership(
  { members, violations }: FakeRaft,
  name: string,
  kind: string,
): void {
  const isFormed = [...members.values()].some((list) => list.size > 0);
  if (kind === "bootstrap" && isFormed)
    violations.push(`${name} was told to form a second cluster`);
}
