// A machine that was installed and did not get to be a voter must not stay a learner: it would count as about to become one.

import type { ClusterMembership } from "../boot/cluster-config.ts";
import type { Judgement } from "../cluster/judge.ts";
import { layersOf } from "../inventory/peers.ts";
import type { StepContext } from "./provision.ts";

type LeftLearnerContext = Pick<
  StepContext,
  "node" | "nodes" | "cluster" | "clusters" | "operations" | "clock" | "inventory" | "shell"
>;

// An election fits in. The end of an operation is tried several times.
const patienceMs = 30_000;
const pauseMs = 3000;
const sshMs = 20_000;

/**
 * Ends the joining of a node whose operation ended before it had joined: it asks no more to be added, and the learner that it left on any
 * layer is taken out again (reliability F12). The machine stays on, to be looked at. Removing a
 * learner changes no majority, but a majority has to commit it: one that is missing is waited for. Nothing where
 * the node has joined or was told to form the cluster. May be repeated; throws why a learner is left.
 */
export async function removeLeftLearner(
  context: LeftLearnerContext,
  operationId: string,
): Promise<void> {
  const { operations, clock } = context;
  const steps = operations.operation(operationId)?.steps ?? [];
  const isDone = (id: string) => steps.find((step) => step.id === id)?.status === "done";
  // Before the machine has restarted from its disk, nothing of it can have joined.
  if (!isDone("install") || isDone("join")) return;
  // A founder is nobody's learner, and may go on until it has formed the cluster.
  const told = steps.find(({ id }) => id === "membership")?.evidence["membership"];
  if ((told as ClusterMembership | undefined)?.kind === "bootstrap") return;
  await stopAsking(context);
  const endsMs = clock.now() + patienceMs;
  for (;;) {
    const views = await context.cluster.fresh();
    const left = await removeFrom(context, views);
    if (left.length === 0) return tellOfVoter(context, operationId, views);
    if (clock.now() + pauseMs > endsMs) throw new Error(left.join("; "));
    await clock.sleep(pauseMs, new AbortController().signal);
  }
}

/** A node that can't be reached is not waited for: its next install begins with its removal. */
async function stopAsking({ node, shell, inventory }: LeftLearnerContext): Promise<void> {
  const units = inventory.cluster.layers.map((layer) => `${layer}-cluster-join.service`);
  // One after the other: what one of them does not have must not keep the rest running.
  const command = units.map((unit) => `systemctl stop ${unit}`).join("; ");
  await shell.run(node, command, { timeoutMs: sshMs }, new AbortController().signal);
}

/** A voter is not taken out here: that changes a majority, and is asked for by a person. */
function tellOfVoter(
  { node, nodes, inventory }: LeftLearnerContext,
  operation: string,
  views: readonly Judgement[],
): void {
  const { name, mac } = node;
  const votes = views.filter(({ voters }) => voters.includes(name)).map(({ layer }) => layer);
  if (votes.length === 0 || votes.length === layersOf(inventory, node).length) return;
  const next = `see why: rackstrap diagnose ${name}; to have it join again, which takes it out first: rackstrap reprovision ${name}`;
  nodes.append({ node: name, mac, kind: "joined-in-part", detail: { operation, votes, next } });
}

/** Where it is still a learner, or may be, and why. */
async function removeFrom(
  { node, cluster, clusters, inventory }: LeftLearnerContext,
  views: readonly Judgement[],
): Promise<readonly string[]> {
  const left: string[] = [];
  const { signal } = new AbortController();
  const isFormed = clusters.claim(inventory.cluster.name)?.initialisedAtMs !== undefined;
  for (const { layer, verdict, members } of views) {
    if (verdict === "no-cluster" && isFormed)
      left.push(`${node.name} may be left as a learner of ${layer}: no member answers`);
    if (!members.some(({ id, role }) => id === node.name && role === "learner")) continue;
    const answer = await cluster.removeMember(layer, node.name, signal);
    if (!answer.ok) left.push(`${node.name} is left as a learner of ${layer}: ${answer.failed}`);
  }
  return left;
}
