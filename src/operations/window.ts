// How long something has been so, from one look to the next. The time between two looks is the clock's, which may be set, and nobody looks
// while the server is off: a gap that no look takes makes the window begin anew (reliability F6).

import type { Evidence } from "./operation.ts";

const lastLook = "lastLookMs";

export interface Window {
  /** Where the beginning is kept in the evidence. */
  readonly key: string;
  /** Longer than two looks are apart. */
  readonly longestGapMs: number;
}

/** When the window began: now, unless there was a look a moment ago. `looked` is the evidence to keep with it. */
export function windowSince(
  evidence: Evidence,
  nowMs: number,
  { key, longestGapMs }: Window,
): { readonly sinceMs: number; readonly looked: Evidence } {
  const { [key]: beganMs, [lastLook]: lastMs } = evidence as Partial<Record<string, number>>;
  const gapMs = lastMs === undefined ? Number.NaN : nowMs - lastMs;
  const isUnbroken = gapMs >= 0 && gapMs <= longestGapMs;
  const sinceMs = isUnbroken && beganMs !== undefined ? beganMs : nowMs;
  return { sinceMs, looked: { [key]: sinceMs, [lastLook]: nowMs } };
}

/** The time in which somebody looked: between two looks no more than `mostMs` counts. To be kept as evidence. */
export function spent(
  evidence: Evidence,
  nowMs: number,
  mostMs: number,
): { readonly spentMs: number; readonly timedAtMs: number } {
  const { spentMs = 0, timedAtMs = nowMs } = evidence as Partial<Record<string, number>>;
  const gapMs = Math.min(mostMs, Math.max(0, nowMs - timedAtMs));
  return { spentMs: spentMs + gapMs, timedAtMs: nowMs };
}
