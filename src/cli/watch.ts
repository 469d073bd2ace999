// Follows what goes on in the server until it has ended, and shows it on the way: a table drawn in place on a terminal, else a line
// for each change. It outlives a restart of the server; operations do too.

import { setTimeout } from "node:timers/promises";
import { type OperationView, operationShape } from "../api/operation-shapes.ts";
import { CliError, exitCodes } from "./exit.ts";
import type { LiveDisplay } from "./live.ts";
import { progressChanges, progressTable } from "./progress.ts";
import type { Server } from "./server.ts";
import { cut } from "./table.ts";

const pollMs = 1000;
/** How long the server may be away before watching is given up. */
const patienceMs = 120_000;

/** Shows each new picture of the operations; `note` is about the watching itself. */
export type Show = (
  before: readonly OperationView[],
  after: readonly OperationView[],
  note: string | undefined,
) => void;

export interface WatchClock {
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The computer's own clock. */
export const processClock: WatchClock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, { signal }).catch(() => undefined);
  },
};

/** Shows each new picture of what is watched; the first has none before it. */
export type ShowNow<T> = (before: T | undefined, after: T, note: string | undefined) => void;

interface Source<T> {
  /** What became of it; throws what `Server` throws. */
  read(seen: T): Promise<T>;
  isOver(seen: T): boolean;
  /** How long to wait for the next look, after so much time. */
  pauseMs(elapsedMs: number): number;
}

/** Resolves with the last picture: that of the end, or the one there was when `signal` aborted. */
export async function watchUntilOver<T>(
  first: T,
  source: Source<T>,
  show: ShowNow<T>,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<T> {
  let seen = first;
  const startMs = clock.now();
  let lastAnswerMs = startMs;
  show(undefined, seen, undefined);
  while (!signal.aborted && !source.isOver(seen)) {
    await clock.sleep(source.pauseMs(clock.now() - startMs), signal);
    if (signal.aborted) break;
    try {
      const now = await source.read(seen);
      lastAnswerMs = clock.now();
      show(seen, now, undefined);
      seen = now;
    } catch (error) {
      const away = error instanceof CliError && error.code === exitCodes.unreachable;
      if (!away || clock.now() - lastAnswerMs > patienceMs) throw error;
      show(seen, seen, "the server does not answer; trying again");
    }
  }
  return seen;
}

/** Resolves with the operations as they ended, or as they stood when `signal` aborted. */
export async function watchOperations(
  server: Pick<Server, "get">,
  started: readonly OperationView[],
  show: Show,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<readonly OperationView[]> {
  const source: Source<readonly OperationView[]> = {
    read: (seen) => readOperations(server, seen),
    isOver: (seen) => seen.every(({ status }) => status !== "running"),
    pauseMs: () => pollMs,
  };
  return await watchUntilOver(
    started,
    source,
    (before = [], after, note) => show(before, after, note),
    clock,
    signal,
  );
}

async function readOperations(server: Pick<Server, "get">, seen: readonly OperationView[]) {
  return await Promise.all(
    seen.map((operation) =>
      operation.status === "running"
        ? server.get(`/api/operations/${encodeURIComponent(operation.id)}`, operationShape)
        : operation,
    ),
  );
}

/** Draws the table in place, as wide as the terminal but at most 100 columns. */
export function showTable(display: LiveDisplay, terminalColumns: number, now: () => number): Show {
  // Some terminals don't know how wide they are, and say 0.
  const columns = Math.min(100, terminalColumns || 80);
  return (_, after, note) =>
    display.draw([
      ...progressTable(after, now(), columns),
      ...(note === undefined ? [] : [cut(note, columns)]),
    ]);
}

/** Writes one line for each change. */
export function showLines(write: (line: string) => void, now: () => number): Show {
  let lastNote: string | undefined;
  return (before, after, note) => {
    for (const line of progressChanges(before, after, now())) write(line);
    if (note !== undefined && note !== lastNote) write(note);
    lastNote = note;
  };
}
