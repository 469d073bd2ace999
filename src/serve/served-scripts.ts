// The script that each node was served last, as files in the state directory, to compare with what it would get now.

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface ServedScript {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface ServedScripts {
  keep(node: string, text: string): void;
  find(node: string): ServedScript | undefined;
}

/** Node names are host labels, so each is a file's name. Both calls throw what the disk says. */
export function createServedScripts(directory: string): ServedScripts {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (node: string) => join(directory, `${node}.ipxe`);
  return {
    keep: (node, text) => {
      const file = fileOf(node);
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    find: (node) => {
      const file = fileOf(node);
      const stats = statSync(file, { throwIfNoEntry: false });
      return stats && { text: readFileSync(file, "utf8"), atMs: stats.mtimeMs };
    },
  };
}
