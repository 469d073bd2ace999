// The highest rate at which a server still answers: steps up until answers are lost, then halves the gap.
// Pure but for the probe it is given.

export interface Probe {
  /** Complete exchanges per second that came out of it. */
  readonly perSecond: number;
  /** Share of requests without an answer, 0-1; of both halves of the exchange the larger. */
  readonly dropShare: number;
}

export interface SearchPlan {
  /** The first rate asked for, per second. */
  readonly startRate: number;
  /** Factor from one rate to the next. */
  readonly step: number;
  /** Rates tried between the last that passed and the first that did not. */
  readonly refinements: number;
  /** How often a rate may fail before it counts: a hiccup of the machine must not end the search. */
  readonly attempts: number;
}

export interface SearchResult {
  /** The most exchanges per second seen at a rate that passed; 0 when none did. */
  readonly perSecond: number;
  /** The client could not send any faster: the server's own limit was not reached. */
  readonly clientLimited: boolean;
}

const acceptedDropShare = 0.01;
const lowestRate = 50;
const highestRate = 100_000;

/** Finds it with a bounded number of probes, of which `onProbe` hears. */
export async function findHighestRate(
  plan: SearchPlan,
  probe: (rate: number) => Promise<Probe>,
  onProbe: (rate: number, result: Probe, passed: boolean) => void,
): Promise<SearchResult> {
  let best = 0;
  let clientLimited = false;
  const passes = async (rate: number): Promise<boolean> => {
    for (let attempt = 0; attempt < plan.attempts; attempt++) {
      const result = await probe(rate);
      const passed = result.dropShare <= acceptedDropShare;
      onProbe(rate, result, passed);
      if (!passed) continue;
      best = Math.max(best, result.perSecond);
      // What was sent was answered, and it was much less than asked for.
      clientLimited = result.perSecond < 0.9 * rate;
      return true;
    }
    return false;
  };

  let passed = 0;
  let failed = plan.startRate;
  while (failed <= highestRate && !clientLimited && (await passes(failed))) {
    passed = failed;
    failed = Math.round(failed * plan.step);
  }
  while (passed === 0 && failed > lowestRate) {
    const rate = Math.max(lowestRate, Math.round(failed / 2));
    if (await passes(rate)) passed = rate;
    else failed = rate;
  }
  for (let i = 0; i < plan.refinements && passed > 0 && !clientLimited; i++) {
    const rate = Math.round((passed + failed) / 2);
    if (await passes(rate)) passed = rate;
    else failed = rate;
  }
  return { perSecond: best, clientLimited };
}
