// Gathers what every machine says of a layer, and writes through the leader what a follower must then show.
// It draws no conclusion: judge.ts does.

import { type Answer, failure, success } from "./client.ts";
import type { ClusterNode, Driver } from "./driver.ts";
import type { Observation } from "./judge.ts";

/** Asks all nodes at once; each question is bounded by the driver's own time limit. */
export async function observe(
  driver: Driver,
  nodes: readonly ClusterNode[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Observation>> {
  const entries = nodes.map(
    async (node) => [node.name, await observeNode(driver, node, signal)] as const,
  );
  return new Map(await Promise.all(entries));
}

async function observeNode(
  driver: Driver,
  node: ClusterNode,
  signal: AbortSignal,
): Promise<Observation> {
  const [members, leader, health] = await Promise.all([
    driver.members(node, signal),
    driver.leader(node, signal),
    driver.health(node, signal),
  ]);
  const answers = [members, leader, health];
  const failed = answers.find((answer) => !answer.ok);
  return {
    ...(members.ok ? { members: members.value } : {}),
    ...(leader.ok ? { leader: leader.value } : {}),
    ...(health.ok ? { health: health.value } : {}),
    ...(failed === undefined || failed.ok ? {} : { failure: failed.failed }),
    ...(answers.every((answer) => !answer.ok && answer.silent) ? { silent: true } : {}),
  };
}

/** The one key the probe overwrites on each layer. No slash: servers differ on slashes in a path segment. */
export const probeKey = "rackstrap-probe";

export interface RoundTrip {
  readonly driver: Driver;
  readonly leader: ClusterNode;
  /** Who must show the value; the leader itself where it is the only voter. */
  readonly follower: ClusterNode;
  /** Random, so that an old value can't pass for the new one. */
  readonly value: string;
  readonly attempts: number;
  readonly pauseMs: number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Writes `value` on the leader once and reads it on the follower until it shows; the answer says after how many reads. */
export async function roundTrip(
  probe: RoundTrip,
  signal: AbortSignal,
): Promise<Answer<{ readonly reads: number }>> {
  const { driver, leader, follower, value } = probe;
  const written = await driver.putKey(leader, probeKey, value, signal);
  if (!written.ok)
    return failure(`${driver.layer}: the write on ${leader.name} failed: ${written.failed}`);
  let last = "it was never read";
  for (let reads = 1; reads <= probe.attempts; reads++) {
    const read = await driver.getKey(follower, probeKey, signal);
    if (read.ok && read.value === value) return success({ reads });
    last = read.ok ? "it still shows an older value" : read.failed;
    if (signal.aborted) break;
    if (reads < probe.attempts) await probe.sleep(probe.pauseMs, signal);
  }
  return failure(
    `${driver.layer}: ${follower.name} does not show what was written on ${leader.name}: ${last}`,
  );
}
