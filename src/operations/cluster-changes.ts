// Changes to a layer's membership: through a healthy member, the leader first, again and again while the cluster
// can't do it just now, and until it shows. Whether a change is safe is decided before, by the quorum budget.

import { type Answer, type Failure, failure, success } from "../cluster/client.ts";
import type { ClusterNode, Driver, Layer, Promotion, Transfer } from "../cluster/driver.ts";
import type { Judgement, Observation } from "../cluster/judge.ts";
import { removalShown } from "../cluster/membership.ts";
import type { Clock } from "./runner.ts";

/** A layer as it was just seen. */
export interface Sight {
  readonly observations: ReadonlyMap<string, Observation>;
  readonly judgement: Judgement;
}

/** Each may be repeated. A failed answer that is `passing` was tried for a minute, and may be tried again. */
export interface ClusterChanges {
  /** Adds a node of the inventory as a learner. */
  addMember(
    layer: Layer,
    node: string,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly added: boolean }>>;
  /** Removes a member, declared or not, and waits until a majority of those who stay lists it no more. */
  removeMember(
    layer: Layer,
    id: string,
    signal: AbortSignal,
  ): Promise<Answer<{ readonly absent: boolean }>>;
  /** Whether members of this layer are added and promoted from here; else they join and rise by themselves. */
  promotesHere(layer: Layer): boolean;
  /** `automatic`: this cluster makes voters of its learners by itself. */
  promote(layer: Layer, id: string, signal: AbortSignal): Promise<Answer<Promotion | "automatic">>;
  /** Hands the lead of `from` to the voter `to`, and waits until all who answer name it. Another leader's is left alone. */
  transferLeader(layer: Layer, lead: Lead, signal: AbortSignal): Promise<Answer<Transfer>>;
}

/** Who gives the lead to whom, by their ids. */
export interface Lead {
  readonly from: string;
  readonly to: string;
}

export interface ChangeTools {
  readonly look: (layer: Layer) => Promise<Sight>;
  readonly driver: (layer: Layer) => Driver;
  readonly nodes: () => readonly ClusterNode[];
  readonly clock: Clock;
}

/** An election and a learner's start fit in. */
const patienceMs = 60_000;
const pauseMs = 2000;

export function clusterChanges(tools: ChangeTools): ClusterChanges {
  const { look, driver, nodes, clock } = tools;
  const through = async <T>(
    layer: Layer,
    id: string,
    act: (member: ClusterNode) => Promise<Answer<T>>,
  ): Promise<Answer<T>> => await throughOne((await look(layer)).judgement, nodes(), id, act);

  return {
    addMember: async (layer, name, signal) => {
      const node = nodes().find((candidate) => candidate.name === name);
      if (node === undefined) return failure(`${name} is not in the inventory`);
      const member = { id: name, raftAddress: `${node.address}:${driver(layer).raftPort}` };
      return await patiently(
        clock,
        async () => await through(layer, name, (by) => driver(layer).addMember(by, member, signal)),
        signal,
      );
    },
    removeMember: async (layer, id, signal) => {
      let first: { readonly absent: boolean } | undefined;
      return await patiently(
        clock,
        async () => {
          const remove = (by: ClusterNode) => driver(layer).removeMember(by, id, signal);
          const answer = await through(layer, id, remove);
          if (!answer.ok) return answer;
          first ??= answer.value;
          const removal = removalShown((await look(layer)).observations, id);
          return removal.shown
            ? success(first)
            : failure(`${layer}: ${removal.sentence}`, { passing: true });
        },
        signal,
      );
    },
    promotesHere: (layer) => driver(layer).promote !== undefined,
    promote: async (layer, id, signal) => {
      const { promote } = driver(layer);
      if (promote === undefined) return success("automatic");
      const make = (by: ClusterNode) => promote(by, id, signal);
      return await patiently(clock, async () => await through(layer, id, make), signal);
    },
    transferLeader: async (layer, lead, signal) =>
      await patiently(clock, async () => await handOver(tools, layer, lead, signal), signal),
  };
}

async function handOver(
  { look, driver, nodes }: ChangeTools,
  layer: Layer,
  { from, to }: Lead,
  signal: AbortSignal,
): Promise<Answer<Transfer>> {
  const { leader } = (await look(layer)).judgement;
  if (leader === to) return success("transferred");
  if (leader === undefined)
    return failure(`${layer}: the members agree on no leader`, { passing: true });
  if (leader !== from) return failure(`${layer}: ${leader} leads by now, and not ${from}`);
  const member = nodes().find(({ name }) => name === from);
  if (member === undefined) return failure(`${layer}: ${from}, which leads, is in no inventory`);
  const answer = await driver(layer).transferLeader(member, to, signal);
  if (!answer.ok || answer.value === "unsupported") return answer;
  const now = (await look(layer)).judgement.leader;
  if (now === to) return answer;
  return failure(`${layer}: ${to} does not lead yet, ${now ?? "nobody"} does`, { passing: true });
}

/** Asks the leader, then the other healthy voters, until one answers for good. Never the one that the change is about. */
async function throughOne<T>(
  judgement: Judgement,
  nodes: readonly ClusterNode[],
  id: string,
  act: (member: ClusterNode) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  const { layer, leader, healthyVoters, disagreement, reasons } = judgement;
  if (disagreement?.kind === "two-clusters") return failure(`${layer}: ${disagreement.detail}`);
  const names = new Set([...(leader === undefined ? [] : [leader]), ...healthyVoters]);
  let last: Failure = failure(
    `${layer}: no healthy member to go through: ${reasons.join("; ") || "none is in the inventory"}`,
    { passing: true },
  );
  for (const name of names) {
    const node = nodes.find((candidate) => candidate.name === name);
    if (node === undefined || name === id) continue;
    const answer = await act(node);
    if (answer.ok || !mayPass(answer)) return answer;
    last = answer;
  }
  return last;
}

const mayPass = ({ passing, silent }: Failure) => passing === true || silent;

async function patiently<T>(
  clock: Clock,
  attempt: () => Promise<Answer<T>>,
  signal: AbortSignal,
): Promise<Answer<T>> {
  const endsMs = clock.now() + patienceMs;
  for (;;) {
    const answer = await attempt();
    if (answer.ok || !mayPass(answer) || signal.aborted) return answer;
    if (clock.now() + pauseMs > endsMs) return answer;
    await clock.sleep(pauseMs, signal);
  }
}
