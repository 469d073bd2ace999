// How far a voter or learner is behind its leader.

import type { Judgement } from "../cluster/judge.ts";
import type { ClusterAccess } from "./cluster-access.ts";

/** Entries that a member may be behind its leader and counts as keeping up ("Raft replace", steps 9 and 10). */
export const mostBehind = 100;

/** How many entries each of `names` is behind the leader; undefined where one of the two does not tell. */
export async function lag(
  cluster: Pick<ClusterAccess, "status">,
  { layer, leader }: Pick<Judgement, "layer" | "leader">,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number | undefined>> {
  if (leader === undefined) return new Map();
  // The leader first: asked at once, one that answers late would count what was written meanwhile.
  const first = await cluster.status(layer, leader, signal);
  // What a leader has applied is committed, where it does not tell how much is.
  const committed = first.ok ? (first.value.commitIndex ?? first.value.appliedIndex) : undefined;
  if (committed === undefined) return new Map();
  const entries = names.map(async (name) => {
    const own = await cluster.status(layer, name, signal);
    const applied = own.ok ? own.value.appliedIndex : undefined;
    return [name, applied === undefined ? undefined : Math.max(0, committed - applied)] as const;
  });
  return new Map(await Promise.all(entries));
}
