// When each of many machines is started. A machine that starts draws many times its usual current, so starts are spread over
// time, on the whole site and on each PDU. Pure: times come in and go out, nothing waits.

export interface StartLimits {
  /** On the whole site. */
  readonly startsPerSecond: number;
  /** In each group. */
  readonly startsPerSecondPerGroup: number;
}

/** A machine as far as its start concerns others. */
export interface Starter {
  /** What feeds it. Undefined: nothing that is known, and only the limit of the site counts. */
  readonly group: string | undefined;
}

/** The starts so far, as far as the next depends on them. Milliseconds of any clock. */
export interface StartCalendar {
  /** Who of `waiting` goes next, and when, from `nowMs` on: the first in the list of those that may start soonest. */
  next<S extends Starter>(
    waiting: readonly S[],
    nowMs: number,
  ): { readonly starter: S; readonly startMs: number } | undefined;
  /** Notes a start. Starts are noted in their order. */
  add(starter: Starter, startMs: number): void;
}

/** An empty calendar; `limits` are asked at each start. Between two starts lies a full gap, so no second has more than the limit, wherever it begins. */
export function createStartCalendar(limits: () => StartLimits): StartCalendar {
  const groupFreeMs = new Map<string | undefined, number>();
  let siteFreeMs = Number.NEGATIVE_INFINITY;
  return {
    next: (waiting, nowMs) => {
      const soonestMs = Math.max(nowMs, siteFreeMs);
      let best: { starter: (typeof waiting)[number]; startMs: number } | undefined;
      for (const starter of waiting) {
        const startMs = Math.max(soonestMs, groupFreeMs.get(starter.group) ?? soonestMs);
        if (best === undefined || startMs < best.startMs) best = { starter, startMs };
        if (best.startMs === soonestMs) break;
      }
      return best;
    },
    add: ({ group }, startMs) => {
      const { startsPerSecond, startsPerSecondPerGroup } = limits();
      siteFreeMs = startMs + 1000 / startsPerSecond;
      if (group !== undefined) groupFreeMs.set(group, startMs + 1000 / startsPerSecondPerGroup);
    },
  };
}

/** The start of each machine, in milliseconds from the beginning and in that order: groups take turns, and none waits for another. */
export function planStarts<S extends Starter>(
  machines: readonly S[],
  limits: StartLimits,
): readonly { readonly machine: S; readonly startMs: number }[] {
  const calendar = createStartCalendar(() => limits);
  const waiting = [...machines];
  const planned: { machine: S; startMs: number }[] = [];
  for (;;) {
    const next = calendar.next(waiting, planned.at(-1)?.startMs ?? 0);
    if (next === undefined) return planned;
    const { starter, startMs } = next;
    waiting.splice(waiting.indexOf(starter), 1);
    calendar.add(starter, startMs);
    planned.push({ machine: starter, startMs });
  }
}
