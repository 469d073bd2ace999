// Before members come or go: at least two live ones tell the same story, and a write is committed. What they say now is what the end is
// measured by.

import type { Layer } from "../../cluster/driver.ts";
import type { Judgement } from "../../cluster/judge.ts";
import type { Operation } from "../operation.ts";
import { memberTables } from "../removal.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

const id = "agree";

/** A layer's voters as they were found, and those of them that were healthy. */
export interface AgreedLayer {
  readonly voters: readonly string[];
  readonly healthy: readonly string[];
  readonly leader: string;
}

/** `about`: the node that comes or goes, which is no witness. */
export function agreeMembers(work: Work, about: string): Step {
  const { cluster, clusters, inventory, clock } = work;
  return {
    id,
    title: "two members agree, and a write is committed",
    node: about,
    deadlineMs: inventory.timeouts.budgetSeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const views = await cluster.fresh();
      // From now on nobody forms it again, whatever becomes of it.
      if (views.some(({ verdict }) => verdict !== "no-cluster"))
        clusters.markInitialised(inventory.cluster.name);
      const problems = views.flatMap((view) => disputes(view, about));
      if (problems.length > 0)
        return wait(3000, problems.join("; "), { members: memberTables(views) });
      const probeMs: Partial<Record<Layer, number>> = {};
      for (const { layer, leader = "", healthyVoters } of views) {
        const follower = healthyVoters.find((name) => name !== leader && name !== about) ?? leader;
        const askedMs = clock.now();
        const trip = await cluster.roundTrip(layer, leader, follower, signal);
        if (!trip.ok) return wait(3000, trip.failed);
        const tookMs = clock.now() - askedMs;
        if (tookMs > inventory.timeouts.probeSeconds * 1000)
          return wait(3000, `${layer}: a write took ${tookMs} ms (timeouts.probeSeconds)`);
        probeMs[layer] = tookMs;
      }
      return done({ members: Object.fromEntries(views.map(agreedLayer)), probeMs });
    },
  };
}

function disputes(view: Judgement, about: string): string[] {
  const { layer, verdict, voters, healthyVoters, leader, disagreement, reasons } = view;
  if (verdict === "no-cluster" || verdict === "no-quorum")
    return [`${layer}: ${reasons.join(", ") || verdict}`];
  if (disagreement !== undefined) return [`${layer}: ${disagreement.detail}`];
  if (leader === undefined) return [`${layer}: no leader is agreed on`];
  const witnesses = healthyVoters.filter((name) => name !== about);
  const asked = Math.min(2, voters.filter((name) => name !== about).length);
  return witnesses.length >= asked
    ? []
    : [`${layer}: ${witnesses.length} live voters besides ${about}, and ${asked} have to agree`];
}

function agreedLayer({ layer, voters, healthyVoters, leader }: Judgement) {
  return [layer, { voters, healthy: healthyVoters, leader }] as const;
}

/**
 * Steps of an operation that are done again when it is taken up: others may have come and gone since, and its end is measured by what was
 * found last. Once that end was seen nothing is.
 */
export function foundAnew({ steps }: Pick<Operation, "steps">): readonly string[] {
  const isDone = (step: string) => steps.some((one) => one.id === step && one.status === "done");
  return isDone(id) && !isDone("soak") ? [id] : [];
}

/** What was found of a layer when the operation began; undefined before that. */
export function agreedOn({ steps }: Operation, layer: Layer): AgreedLayer | undefined {
  const found = steps.find((step) => step.id === id)?.evidence["members"];
  return (found as Partial<Record<Layer, AgreedLayer>> | undefined)?.[layer];
}
