// The quorum budget: may these machines be taken away now, may this member be removed for good? Pure arithmetic with a
// sentence that shows it.

import { type Judgement, majority } from "./judge.ts";

export interface Budget {
  readonly allowed: boolean;
  /** Healthy voters that would be left. */
  readonly left: number;
  readonly needed: number;
  readonly sentence: string;
}

/**
 * Allowed only when the healthy voters that stay are a majority of today's voters. For a removal that is
 * the stricter of the two sizes (before and after), so one rule serves both a stop and a removal.
 */
export function quorumBudget(
  { voters, healthyVoters }: Pick<Judgement, "voters" | "healthyVoters">,
  taking: readonly string[],
): Budget {
  const left = healthyVoters.filter((name) => !taking.includes(name)).length;
  const needed = majority(voters.length);
  const allowed = left >= needed;
  const sum = `${left} ${allowed ? ">=" : "<"} ${needed}`;
  const names = taking.length === 0 ? "nobody" : taking.join(", ");
  return {
    allowed,
    left,
    needed,
    sentence: `voters ${voters.length}, healthy ${healthyVoters.length}, taking ${names} leaves ${sum}: ${allowed ? "allowed" : "refused"}`,
  };
}

export interface ReplaceBudget {
  readonly allowed: boolean;
  readonly sentence: string;
}

export interface ReplaceOptions {
  /** Asked for by name: of two voters the other can't decide anything alone, and the cluster may stay without a leader. */
  readonly evenOfTwo: boolean;
}

/**
 * May a dead member be removed, to be replaced? The healthy voters without it must be a majority of today's voters, which commit
 * the removal, and of those that are left, which go on without it (reliability, "Raft replace", step 3). `target` is an id; a learner does
 * not vote, and removing it changes no majority.
 */
export function replaceSafety(
  { voters, healthyVoters }: Pick<Judgement, "voters" | "healthyVoters">,
  target: string,
  { evenOfTwo }: ReplaceOptions = { evenOfTwo: false },
): ReplaceBudget {
  const healthy = healthyVoters.filter((name) => name !== target).length;
  const stay = voters.filter((name) => name !== target).length;
  const now = compare(healthy, majority(voters.length));
  const then = compare(healthy, majority(stay));
  const isTheException = evenOfTwo && voters.length === 2 && stay === 1;
  const allowed = then.holds && (now.holds || isTheException);
  const why = allowed && !now.holds ? "allowed because it was asked for" : undefined;
  const verdict = why ?? (allowed ? "allowed" : "refused");
  return {
    allowed,
    sentence: `voters ${voters.length}, healthy without ${target} ${healthy}: to remove it ${now.sum}, to go on without it ${then.sum}: ${verdict}`,
  };
}

function compare(healthy: number, needed: number): { holds: boolean; sum: string } {
  const holds = healthy >= needed;
  return { holds, sum: `${healthy} ${holds ? ">=" : "<"} ${needed}` };
}
