// Runs nixos-anywhere so that it outlives this server and can be found again: everything about a run
// is in its directory, and what it does now is read from there and from /proc, never remembered.
//
//   known_hosts   the installer's host key, pinned before the start      extra-files/  secrets for the node
//   pid           who claimed the run (pid, start time, boot id)         tmp/          TMPDIR: a copy of the key
//   log           stdout and stderr in order                             bin/ssh       the ssh that is used
//   rc            exit code, once ended                                  cancelled     we ended it
//   step          the step last seen, and since when

import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { extraFilesDirectory } from "./extra-files.ts";
import { type InstallCommand, launch } from "./launch.ts";
import { createLogReader } from "./log-reader.ts";
import { type InstallStep, noProgress, overdue, type Progress } from "./phases.ts";
import { findProcesses, isAlive, type ProcessIdentity } from "./processes.ts";

export type RunView = { readonly progress: Progress } & (
  | { readonly kind: "not-started" }
  /** `overdue` is the sentence that says why it should be given up. */
  | {
      readonly kind: "running";
      readonly silentMs: number;
      readonly overdue: string | undefined;
    }
  | { readonly kind: "ended"; readonly exitCode: number }
  /** The process is gone without an exit code: killed, or the server's machine restarted. */
  | { readonly kind: "vanished" }
  | { readonly kind: "cancelled" }
);

export interface InstallRun {
  readonly directory: string;
  /** Makes the directory, for its owner only. */
  prepare(): Promise<void>;
  /**
   * Starts the command and resolves once it is claimed. Does nothing when the run was started or
   * cancelled before, by whomever: one directory is one start, also when two servers try at once.
   */
  start(command: InstallCommand): Promise<void>;
  /**
   * Reads what the run does at `nowMs` (since the epoch), and notes when a step was first seen, so that
   * a restart of this server gives no step more time. One InstallRun reads each part of the log once.
   */
  inspect(nowMs: number): Promise<RunView>;
  /**
   * Ends every process of the run (TERM, `graceMs` later KILL) and removes the secrets in its
   * directory. A run that has ended keeps its result; any other is cancelled. May be repeated.
   */
  stop(graceMs?: number): Promise<void>;
}

const maxLogBytes = 256 * 1024 * 1024;

/** What of a run's directory holds secrets, and is removed when it is stopped. */
export function secretDirectories(directory: string): readonly string[] {
  return [join(directory, "tmp"), extraFilesDirectory(directory)];
}

const hourMs = 3_600_000;

/** A run at an absolute `directory`, new or left by an earlier server process. It is overdue after `longestMs`, or when a step of it is. */
export function openRun(directory: string, longestMs = hourMs): InstallRun {
  // ssh splits known_hosts paths at spaces and expands %; scripts are less careful still.
  if (!isAbsolute(directory) || !/^[A-Za-z0-9_.,:/@=+-]+$/.test(directory))
    throw new Error(`run directory ${directory}: only an absolute path without spaces will do`);
  const reader = createLogReader(join(directory, "log"));
  const marker = `TMPDIR=${join(directory, "tmp")}`;

  const inspect = async (nowMs: number): Promise<RunView> => {
    const claim = await readClaim(directory);
    // In this order: a process seen dead has written all it will ever write.
    const alive = claim !== undefined && isAlive(claim);
    const progress = claim === undefined ? noProgress : await reader.read();
    if (alive)
      return {
        kind: "running",
        progress,
        ...(await patience(directory, progress, { nowMs, longestMs })),
      };
    if (await exists(join(directory, "cancelled"))) return { kind: "cancelled", progress };
    const exitCode = await readExitCode(directory);
    if (exitCode !== undefined) return { kind: "ended", progress, exitCode };
    return { kind: claim === undefined ? "not-started" : "vanished", progress };
  };

  const start = async (command: InstallCommand): Promise<void> => {
    if ((await readClaim(directory)) !== undefined) return;
    if (await exists(join(directory, "cancelled"))) return;
    await launch(directory, command);
  };

  const prepare = async (): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  };

  const markCancelled = async (): Promise<void> => {
    if ((await readExitCode(directory)) !== undefined) return;
    await prepare();
    await writeFile(join(directory, "cancelled"), "", { mode: 0o600 });
  };

  const stop = async (graceMs = 10_000): Promise<void> => {
    const faults: unknown[] = [];
    const acts = [
      markCancelled,
      () => endProcesses(() => findProcesses(marker), graceMs),
      ...secretDirectories(directory).map(
        (secrets) => () => rm(secrets, { recursive: true, force: true }),
      ),
    ];
    // A disk that is full must not keep processes alive, nor processes that hang keep secrets on the disk.
    for (const act of acts) await act().catch((fault: unknown) => faults.push(fault));
    if (faults.length > 0) throw faults[0];
  };

  return { directory, prepare, start, inspect, stop };
}

/** TERM to all, then KILL to whatever is left when the grace is over. */
async function endProcesses(find: () => number[], graceMs: number): Promise<void> {
  const pollMs = 100;
  const killMs = 5_000;
  for (const pid of find()) signalProcess(pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < graceMs + killMs; waitedMs += pollMs) {
    const left = find();
    if (left.length === 0) return;
    if (waitedMs >= graceMs) for (const pid of left) signalProcess(pid, "SIGKILL");
    await sleep(pollMs);
  }
  throw new Error(
    `processes ${find().join(", ")} can't be ended: look for a hanging device or mount`,
  );
}

function signalProcess(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended in the meantime.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function patience(
  directory: string,
  { step }: Progress,
  { nowMs, longestMs }: { readonly nowMs: number; readonly longestMs: number },
) {
  const log = await stat(join(directory, "log"));
  const claim = await stat(join(directory, "pid"));
  const silentMs = Math.max(0, nowMs - log.mtimeMs);
  const stepMs = nowMs - (await stepSince(join(directory, "step"), step, nowMs));
  const flood = log.size > maxLogBytes ? `it printed ${log.size} bytes` : undefined;
  const runMs = nowMs - claim.mtimeMs;
  return { silentMs, overdue: flood ?? overdue(step, { silentMs, stepMs, runMs }, longestMs) };
}

/** When `step` was first seen: as noted in `file`, or `nowMs`, which is then noted. */
async function stepSince(
  file: string,
  step: InstallStep | undefined,
  nowMs: number,
): Promise<number> {
  const [noted, sinceMs] = ((await readText(file)) ?? "").split(" ");
  if (noted === (step ?? "start") && Number(sinceMs) > 0) return Number(sinceMs);
  await writeFile(file, `${step ?? "start"} ${nowMs}`, { mode: 0o600 });
  return nowMs;
}

async function readClaim(directory: string): Promise<ProcessIdentity | undefined> {
  const text = await readText(join(directory, "pid"));
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as ProcessIdentity;
  } catch {
    // A power cut can leave the file empty; whoever wrote it does not run any more.
    return { pid: 0, startTime: 0, bootId: "" };
  }
}

/** Undefined when there is none, or a power cut left the file empty: never take that for 0. */
async function readExitCode(directory: string): Promise<number | undefined> {
  const text = await readText(join(directory, "rc"));
  return text !== undefined && /^\d{1,3}\n$/.test(text) ? Number(text) : undefined;
}

async function exists(file: string): Promise<boolean> {
  return (await readText(file)) !== undefined;
}

async function readText(file: string): Promise<string | undefined> {
  return await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
}
