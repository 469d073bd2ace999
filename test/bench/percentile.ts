// Nearest-rank percentiles: a value that was really measured, never one in between.

/** The smallest of `values` that at least `percent` (0-100] of them don't exceed; NaN of none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil((percent / 100) * sorted.length);
  return sorted[Math.max(rank, 1) - 1] ?? Number.NaN;
}
