// The script that each node was served last at each stage, as files in the state directory, to compare with what it would get now.
// A file is written some seconds later, when a rack that boots at once has its scripts: the disk takes as long for each as all the rest
// does. What a crash loses is a text to compare with, and no machine's state.

import { mkdirSync, readFileSync, statSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface ServedScript {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface ServedScripts {
  /** Returns at once; the disk has it seconds later. */
  keep(node: string, stage: string, text: string): void;
  /** Throws what the disk says. */
  find(node: string, stage: string): ServedScript | undefined;
  /** Writes what is left. */
  close(): Promise<void>;
}

export interface ServedScriptTools {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onFailure: (node: string, error: unknown) => void;
}

interface Unwritten extends ServedScript {
  readonly node: string;
}

const restMs = 3_000;

/** Node names are host labels and stages are ours, so both are parts of a file's name. Throws when the directory can't be made. */
export function createServedScripts(directory: string, tools: ServedScriptTools): ServedScripts {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (node: string, stage: string) => join(directory, `${node}.${stage}`);
  /** By file: not on the disk yet; at most one for each declared node and stage. */
  const unwritten = new Map<string, Unwritten>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  const write = async () => {
    // One file at a time; what is given meanwhile joins the map, and this loop.
    for (const [file, script] of unwritten) {
      await replace(file, script.text).catch((error) => tools.onFailure(script.node, error));
      if (unwritten.get(file) === script) unwritten.delete(file);
    }
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    writing = writing.then(write);
    return writing;
  };
  return {
    keep: (node, stage, text) => {
      const file = fileOf(node, stage);
      // At the end of the map, where the loop has yet to come.
      unwritten.delete(file);
      unwritten.set(file, { node, text, atMs: tools.now() });
      timer ??= setTimeout(() => void flush(), restMs);
    },
    find: (node, stage) => {
      const file = fileOf(node, stage);
      const waiting = unwritten.get(file);
      if (waiting !== undefined) return { text: waiting.text, atMs: waiting.atMs };
      const stats = statSync(file, { throwIfNoEntry: false });
      return stats && { text: readFileSync(file, "utf8"), atMs: stats.mtimeMs };
    },
    close: flush,
  };
}

/** Whoever reads `file` sees the old text or the new one. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
