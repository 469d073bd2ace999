// The course of a fuzz run: steps until there were enough packets, enough time or too many failures, and what they cost.

import { createHistogram, performance } from "node:perf_hooks";
import { memoryInUse } from "../fakes/heap.ts";

export interface FuzzOptions {
  readonly seed: number;
  readonly packets: number;
  /** Ends earlier when this time is up. */
  readonly seconds?: number | undefined;
  readonly onProgress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  readonly packets: number;
  readonly seconds: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** How many octets more are in use at the end than after the first third. */
  readonly growthBytes: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly FuzzFailure[];
}

interface FuzzFailure {
  readonly problem: string;
  /** What was sent in this step, hexadecimal. */
  readonly datagrams: readonly string[];
  /** How many packets had been sent: `--seed` and `--packets` with this number bring it about again. */
  readonly packets: number;
}

/** What one step did. */
export interface FuzzStep {
  readonly packets: number;
  /** Time of the product alone. */
  readonly tookNs: number;
  /** What came of it, to be counted. */
  readonly kinds: readonly string[];
  readonly problems: readonly Omit<FuzzFailure, "packets">[];
}

const maxFailures = 10;
const progressPackets = 250_000;

export function runFuzz(
  { packets, seconds = Infinity, onProgress }: FuzzOptions,
  step: () => FuzzStep,
): FuzzReport {
  const histogram = createHistogram();
  const counts: Record<string, number> = {};
  const failures: FuzzFailure[] = [];
  const startedMs = performance.now();
  let sent = 0;
  let memoryAfterThird: number | undefined;
  const elapsed = () => (performance.now() - startedMs) / 1000;
  const report = (): FuzzReport => ({
    ...{ packets: sent, seconds: elapsed(), counts, failures },
    p99Ms: histogram.percentile(99) / 1e6,
    worstMs: histogram.max / 1e6,
    growthBytes: memoryInUse() - (memoryAfterThird ?? memoryInUse()),
  });
  while (sent < packets && failures.length < maxFailures && elapsed() < seconds) {
    const done = step();
    histogram.record(Math.max(1, Math.round(done.tookNs / done.packets)));
    sent += done.packets;
    for (const problem of done.problems) failures.push({ ...problem, packets: sent });
    for (const kind of done.kinds) counts[kind] = (counts[kind] ?? 0) + 1;
    if (memoryAfterThird === undefined && (sent >= packets / 3 || elapsed() >= seconds / 3))
      memoryAfterThird = memoryInUse();
    if (onProgress !== undefined && sent % progressPackets < done.packets) onProgress(report());
  }
  return report();
}
