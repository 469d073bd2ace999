// How often a server waits for its disk: the system calls that do so, counted by strace.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Lab } from "./lab.ts";

const calls = "fsync,fdatasync,msync,sync_file_range,syncfs,sync";

/** Counts them in process `pid`, all its threads, while the work is done. Throws when strace can't attach. */
export async function countSyncs(
  lab: Lab,
  pid: number,
  work: () => Promise<void>,
): Promise<number> {
  const file = join(lab.directory, `syncs-${pid}`);
  const argv = ["-f", "-c", "-e", `trace=${calls}`, "-o", file, "-p", `${pid}`];
  // In a group of its own: a strace that Ctrl-C ends early would have counted too little.
  const strace = spawn("strace", argv, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  const ended = once(strace, "exit");
  try {
    await attached(strace.stderr);
    await work();
  } finally {
    strace.kill("SIGINT");
    await ended;
  }
  return parseSyncCount(await readFile(file, "utf8"));
}

async function attached(output: NodeJS.ReadableStream): Promise<void> {
  const said: string[] = [];
  const lines = createInterface(output);
  for await (const line of lines) {
    said.push(line);
    if (!line.includes(" attached")) continue;
    // Not closed before: strace would stop at a pipe that nobody reads.
    output.resume();
    return;
  }
  throw new Error(`strace could not attach: ${said.join("; ")}`);
}

/** The sum of the `calls` column of `strace -c`, which prints nothing when there were none. */
export function parseSyncCount(summary: string): number {
  // % time, seconds, usecs/call, calls, then errors if there were any, and the name.
  const rows = summary.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*\b([a-z_]+)$/gm);
  let sum = 0;
  for (const [, count, name] of rows) if (name !== "total") sum += Number(count);
  return sum;
}
