// Whether a layer takes writes, from one trial after the other. A leader may send its heartbeats, and so keep its place, and commit
// nothing (reliability F14): only a write tells. Pure.

/** What came of trying to write a key. */
export type Trial =
  | { readonly kind: "committed" }
  /** All who answer follow this leader, enough of them are healthy, and the write was not committed. */
  | { readonly kind: "missed"; readonly leader: string; readonly reason: string }
  /** Nothing is known of the leader: nobody leads, or a write is not allowed to this server. */
  | { readonly kind: "untold"; readonly reason: string };

/** What is known of a layer's writes. Times are milliseconds since the epoch. */
export interface Commits {
  readonly committedMs?: number | undefined;
  /** The first trial since then that was missed. */
  readonly failingSinceMs?: number | undefined;
  /** Writes that were committed in a row, up to now. */
  readonly hits: number;
  /** Whose writes were missed last, and how often in a row. */
  readonly leader?: string | undefined;
  readonly misses: number;
  /** Why the last trial was no success. */
  readonly reason?: string | undefined;
}

/** Trials missed in a row that make a leader a stuck one. One or two may be an election, or a full queue. */
export const missesOfStuck = 3;
/** Writes committed in a row that end it. One may be luck. */
const hitsOfWell = 3;

/** Nothing was tried yet. */
export const untried: Commits = { hits: 0, misses: 0 };

export function afterTrial(before: Commits, trial: Trial, atMs: number): Commits {
  switch (trial.kind) {
    case "committed":
      return { committedMs: atMs, hits: before.hits + 1, misses: 0 };
    case "missed": {
      const { leader, reason } = trial;
      // A new leader is not to blame for what the one before it did not commit.
      const misses = leader === before.leader ? before.misses + 1 : 1;
      return {
        committedMs: before.committedMs,
        failingSinceMs: before.failingSinceMs ?? atMs,
        ...{ hits: 0, leader, misses, reason },
      };
    }
    case "untold":
      return { ...before, hits: 0, leader: undefined, misses: 0, reason: trial.reason };
  }
}

/** Whether writes are committed one after the other. */
export function isWell({ hits }: Commits): boolean {
  return hits >= hitsOfWell;
}

/** The leader that is stuck; undefined while none is known to be. */
export function stuckLeader({ leader, misses }: Commits): string | undefined {
  return misses >= missesOfStuck ? leader : undefined;
}
