// What is shown of a power job while it runs.

import type { PowerJobView } from "../api/power-shapes.ts";
import { createLiveDisplay } from "./live.ts";
import { powerChanges, powerCounts, powerTable } from "./power-text.ts";
import { cut } from "./table.ts";
import type { ShowNow } from "./watch.ts";

interface Shown {
  readonly now: ShowNow<PowerJobView>;
  /** Makes room for the table at the end. */
  end(): void;
}

type Output = Pick<NodeJS.WriteStream, "isTTY" | "columns" | "rows" | "write">;

/** Drawn in place where there is a terminal: a table, or how many are read; else a line for each change, on stderr with `json`. */
export function chooseShow({ action }: PowerJobView, json: boolean, output: Output): Shown {
  if (json) return { ...showChanges((line) => console.error(line)), end: () => undefined };
  const reads = action === "status";
  if (output.isTTY) return showDrawn(output, reads);
  if (reads) return { now: () => undefined, end: () => undefined };
  return showChanges((line) => output.write(`${line}\n`));
}

function showDrawn(output: Output, countsOnly: boolean): Shown {
  const display = createLiveDisplay((text) => output.write(text));
  // Some terminals don't know how large they are, and say 0.
  const width = Math.min(100, output.columns || 80);
  const rows = (output.rows || 24) - 2;
  return {
    now: (_, job, note) => {
      const lines = countsOnly ? [powerCounts(job)] : powerTable(job, Date.now(), width, rows);
      display.draw([...lines, note ?? ""].map((line) => cut(line, width)));
    },
    end: () => display.draw([]),
  };
}

function showChanges(write: (line: string) => void): Shown {
  let lastNote: string | undefined;
  return {
    now: (before, after, note) => {
      for (const line of powerChanges(before, after)) write(line);
      if (note !== undefined && note !== lastNote) write(note);
      lastNote = note;
    },
    end: () => write(""),
  };
}
