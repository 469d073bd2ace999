// The quorum budget of an operation: whether these machines may be taken away now, from what live members say.
// A layer that nobody answers for has no majority to lose, and none to count: that is said, not guessed.

import type { Judgement } from "../cluster/judge.ts";
import { growthSafety, quorumBudget } from "../cluster/quorum.ts";
import { type Step, type StepResult, wait } from "./result.ts";
import { commitProblems } from "./steps/verify-cluster.ts";
import type { Draft, OrderRefusal, Work } from "./verb.ts";

/** The sum of each layer for taking these nodes away at one time, and why it may not be. Pure. */
export function judgeTaking(
  views: readonly Judgement[],
  taking: readonly string[],
): Pick<Draft, "quorum" | "refusals"> {
  const judged = views.map((view) => judgeLayer(view, taking));
  return {
    quorum: judged.map(({ sentence }) => sentence),
    refusals: judged.flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal])),
  };
}

/** The sum of each layer that lives for one more voter, and why there may be none now. Pure. */
export function judgeGrowth(views: readonly Judgement[]): Pick<Draft, "quorum" | "refusals"> {
  const living = views.filter(({ verdict }) => verdict !== "no-cluster");
  const growth = living.map((view) => ({ layer: view.layer, ...growthSafety(view) }));
  return {
    quorum: growth.map(({ layer, sentence }) => `${layer}: ${sentence}`),
    refusals: growth
      .filter(({ allowed }) => !allowed)
      .map(({ layer, sentence }) => ({
        reason: `${layer}: ${sentence}`,
        next: "bring the other members back first: rackstrap cluster status",
      })),
  };
}

function judgeLayer(
  view: Judgement,
  taking: readonly string[],
): { readonly sentence: string; readonly refusal?: OrderRefusal } {
  const { layer, verdict, voters, leader, reasons } = view;
  const refuse = (sentence: string) => ({
    sentence,
    refusal: {
      reason: sentence,
      next: `bring the other members back first (rackstrap cluster status), or go against the budget by typing the name: ${taking.map((name) => `--force ${name}`).join(" ")}`,
      liftedBy: taking,
    },
  });
  if (verdict === "no-cluster")
    return refuse(`${layer}: no member answers (${reasons.join("; ")}): refused`);
  const { allowed, sentence } = quorumBudget(view, taking);
  if (!allowed || !taking.some((name) => voters.includes(name)))
    return allowed ? { sentence: `${layer}: ${sentence}` } : refuse(`${layer}: ${sentence}`);
  if (view.disagreement !== undefined)
    return refuse(`${layer}: ${sentence}, but ${view.disagreement.detail}: refused`);
  if (leader === undefined)
    return refuse(`${layer}: ${sentence}, but no leader is agreed on: refused`);
  return { sentence: `${layer}: ${sentence}` };
}

interface BudgetOptions {
  /** The layers must commit a write, too: members may call themselves healthy behind a leader that does nothing. True unless said otherwise. */
  readonly commits?: boolean;
}

/**
 * The step, with the budget looked at in the same attempt as its effect, however often it is repeated: others may have fallen
 * meanwhile. Where the name was typed against the budget the sum is written down all the same.
 */
export function withinBudget(
  work: Work,
  taking: readonly string[],
  step: Step,
  { commits = true }: BudgetOptions = {},
): Step {
  const isForced = taking.every((name) => work.operation.forced.includes(name));
  return {
    ...step,
    run: async (attempt, signal) => {
      if (commits && !isForced) {
        const views = await work.cluster.fresh();
        const held = heldBack(judgeTaking(views, taking));
        if (held !== undefined) return held;
        const stuck = await commitProblems(work.cluster, views, signal, taking);
        if (stuck.length > 0) return wait(3000, stuck.join("; "));
      }
      // The write may have taken its time: the sum is the last thing that is looked at.
      const now = judgeTaking(await work.cluster.fresh(), taking);
      const held = isForced ? undefined : heldBack(now);
      if (held !== undefined) return held;
      const { quorum, refusals } = now;
      const result = await step.run(attempt, signal);
      const evidence = isForced && refusals.length > 0 ? { quorum, forced: taking } : { quorum };
      return { ...result, evidence: { ...evidence, ...result.evidence } };
    },
  };
}

/** What waits for the others, where the sum is refused. */
function heldBack({
  quorum,
  refusals,
}: Pick<Draft, "quorum" | "refusals">): StepResult | undefined {
  if (refusals.length === 0) return undefined;
  return wait(3000, refusals.map(({ reason }) => reason).join("; "), { quorum });
}

/**
 * The nodes in the order of their turns, one at a time: the more layers one leads, the later, since each change of leader costs an
 * election; else as they were named.
 */
export function turnOrder(views: readonly Judgement[], names: readonly string[]): string[] {
  const led = (name: string) => views.filter(({ leader }) => leader === name).length;
  return names.toSorted((a, b) => led(a) - led(b));
}
