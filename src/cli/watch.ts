// Follows operations until each has ended, and shows them on the way: a table drawn in place on a terminal,
// else a line for each change. It outlives a restart of the server; the operations do too.

import { setTimeout } from "node:timers/promises";
import { type OperationView, operationShape } from "../api/shapes.ts";
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
export const watchClock: WatchClock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await setTimeout(ms, undefined, { signal }).catch(() => undefined);
  },
};

/** Resolves with the operations as they ended, or as they stood when `signal` aborted. */
export async function watchOperations(
  server: Pick<Server, "get">,
  started: readonly OperationView[],
  show: Show,
  clock: WatchClock,
  signal: AbortSignal,
): Promise<readonly OperationView[]> {
  let seen = started;
  let lastAnswerMs = clock.now();
  show([], seen, undefined);
  while (!signal.aborted && seen.some(({ status }) => status === "running")) {
    await clock.sleep(pollMs, signal);
    if (signal.aborted) break;
    try {
      const now = await readOperations(server, seen);
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
  const columns = Math.min(100, terminalColumns);
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
