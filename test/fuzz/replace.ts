// Changes of members with a fault at any step: each packet is one run over a rack in memory, with a seed of its own.

import { performance } from "node:perf_hooks";
import { memoryInUse } from "../fakes/heap.ts";
import { simulateMembers } from "../fakes/members-simulation.ts";
import type { FuzzOptions, FuzzReport } from "./report.ts";

const maxFailures = 10;
const progressRuns = 1000;

export async function fuzzReplace(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, packets, seconds = Infinity, onProgress } = options;
  const counts: Record<string, number> = {};
  const failures: FuzzReport["failures"][number][] = [];
  const tookMs: number[] = [];
  const startedMs = performance.now();
  let memoryAfterThird: number | undefined;
  const elapsed = () => (performance.now() - startedMs) / 1000;
  const report = (): FuzzReport => {
    const sorted = tookMs.toSorted((a, b) => a - b);
    return {
      ...{ packets: tookMs.length, seconds: elapsed(), counts, failures },
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      worstMs: sorted.at(-1) ?? 0,
      growthBytes: memoryInUse() - (memoryAfterThird ?? memoryInUse()),
    };
  };
  for (let run = 0; run < packets && failures.length < maxFailures && elapsed() < seconds; run++) {
    const beganMs = performance.now();
    // The run's own seed is its number: with --packets 1 it is run alone.
    const { kinds, problems } = await simulateMembers(seed + run);
    tookMs.push(performance.now() - beganMs);
    for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
    for (const problem of problems)
      failures.push({ problem: `seed ${seed + run}: ${problem}`, datagrams: [], packets: run + 1 });
    if (memoryAfterThird === undefined && run >= packets / 3) memoryAfterThird = memoryInUse();
    if (run % progressRuns === progressRuns - 1) onProgress?.(report());
  }
  return report();
}
