// The script that each node was served last at each stage, as files in the state directory, to compare with what it would get now.

import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { BootPlaneDeps } from "../bootplane/deps.ts";

export interface ServedScript {
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface ServedScripts {
  keep(node: string, stage: string, text: string): void;
  find(node: string, stage: string): ServedScript | undefined;
}

/** Node names are host labels and stages are ours, so both are parts of a file's name. Both calls throw what the disk says. */
export function createServedScripts(directory: string): ServedScripts {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const fileOf = (node: string, stage: string) => join(directory, `${node}.${stage}`);
  return {
    keep: (node, stage, text) => {
      const file = fileOf(node, stage);
      writeFileSync(`${file}.new`, text, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    find: (node, stage) => {
      const file = fileOf(node, stage);
      const stats = statSync(file, { throwIfNoEntry: false });
      return stats && { text: readFileSync(file, "utf8"), atMs: stats.mtimeMs };
    },
  };
}

/** Keeps what a node is given. A disk that can't be written keeps no machine from its script. */
export function servedKeeper(tools: {
  readonly servedScripts: Pick<ServedScripts, "keep">;
  readonly logger: Pick<Logger, "error">;
}): BootPlaneDeps["onServed"] {
  return ({ name }, stage, script) => {
    try {
      tools.servedScripts.keep(name, stage, script);
    } catch (error) {
      tools.logger.error({ err: error, node: name }, "the served script was not kept");
    }
  };
}
