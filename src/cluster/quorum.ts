// The quorum budget: may these machines be taken away now? Pure arithmetic with a sentence that shows it.

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
