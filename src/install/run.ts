// Runs nixos-anywhere so that it outlives this server and can be found again: everything about a run
// is in its directory, and what it does now is read from there and from /proc, never remembered.
//
//   known_hosts   the installer's host key, pinned before the start      extra-files/  secrets for the node
//   pid           who claimed the run (pid, start time, boot id)         tmp/          TMPDIR: a copy of the key
//   log           stdout and stderr in order                             bin/ssh       the ssh that is used
//   rc            exit code, once ended                                  cancelled     we ended it

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { access, mkdir, open, readFile, rm, stat, writeFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogReader } from "./log-reader.ts";
import { type InstallStep, noProgress, overdue, type Progress } from "./phases.ts";
import { findProcesses, isAlive, type ProcessIdentity } from "./processes.ts";

export interface InstallCommand {
  readonly argv: readonly string[];
  /** nixos-anywhere needs one; nix keeps its caches there. */
  readonly home: string;
  /** PATH with ssh, ssh-copy-id, ssh-keygen, nix, tar, awk, sed, grep, xargs, timeout, coreutils and git. */
  readonly path: string;
  /** Content of NIX_CONFIG. */
  readonly nixConfig?: string;
}

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
  /**
   * Starts the command and resolves once it is claimed. Does nothing when the run was started or
   * cancelled before, by whomever: one directory is one start, also when two servers try at once.
   */
  start(command: InstallCommand): Promise<void>;
  /** Reads what the run does at `nowMs` (since the epoch). Keep the InstallRun between calls: it times the steps. */
  inspect(nowMs: number): Promise<RunView>;
  /**
   * Ends every process of the run (TERM, `graceMs` later KILL) and removes the secrets in its
   * directory. A run that has ended keeps its result; any other is cancelled. May be repeated.
   */
  stop(graceMs?: number): Promise<void>;
}

/** A run at an absolute `directory`, new or left by an earlier server process. */
export function openRun(directory: string): InstallRun {
  // ssh splits known_hosts paths at spaces and expands %; scripts are less careful still.
  if (!isAbsolute(directory) || !/^[A-Za-z0-9_.,:/@=+-]+$/.test(directory))
    throw new Error(`run directory ${directory}: only an absolute path without spaces will do`);
  const reader = createLogReader(join(directory, "log"));
  const marker = `TMPDIR=${join(directory, "tmp")}`;
  let timed: { step: InstallStep | undefined; sinceMs: number } | undefined;

  const inspect = async (nowMs: number): Promise<RunView> => {
    const claim = await readClaim(directory);
    // In this order: a process seen dead has written all it will ever write.
    const alive = claim !== undefined && isAlive(claim);
    const progress = claim === undefined ? noProgress : await reader.read();
    if (alive) {
      if (timed === undefined || timed.step !== progress.step)
        timed = { step: progress.step, sinceMs: nowMs };
      const silentMs = await ageMs(join(directory, "log"), nowMs);
      const runMs = await ageMs(join(directory, "pid"), nowMs);
      const elapsed = { silentMs, stepMs: nowMs - timed.sinceMs, runMs };
      return { kind: "running", progress, silentMs, overdue: overdue(progress.step, elapsed) };
    }
    const exitCode = await readText(join(directory, "rc"));
    if (exitCode !== undefined && !(await exists(join(directory, "cancelled"))))
      return { kind: "ended", progress, exitCode: Number(exitCode) };
    if (await exists(join(directory, "cancelled"))) return { kind: "cancelled", progress };
    return { kind: claim === undefined ? "not-started" : "vanished", progress };
  };

  const stop = async (graceMs = 10_000): Promise<void> => {
    const claim = await readClaim(directory);
    if (!(await exists(join(directory, "rc")))) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFile(join(directory, "cancelled"), "", { mode: 0o600 });
    }
    await endProcesses(() => findProcesses(marker, claim), graceMs);
    for (const secret of ["tmp", "extra-files"])
      await rm(join(directory, secret), { recursive: true, force: true });
  };

  return { directory, start: (command) => start(directory, command), inspect, stop };
}

// $1 is the run directory, the rest is the command. The link is the claim: it is atomic, and fails for
// all but the first. Descriptor 3 tells the starter that the claim is decided. TERM is caught, not
// ignored (the command would inherit that), so that the exit code of a command ended by it is kept.
const wrapper = `
dir=$1; shift
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
nth20() { shift 19; echo "$1"; }
ticks=$(nth20 \${stat##*) })
printf '{"pid":%s,"startTime":%s,"bootId":"%s"}\\n' $$ "$ticks" "$boot" >"$dir/pid.$$"
ln "$dir/pid.$$" "$dir/pid" 2>/dev/null; lost=$?
rm -f "$dir/pid.$$"
[ "$lost" -eq 0 ] || exit 0
exec 3>&-
[ ! -e "$dir/cancelled" ] || exit 0
trap : TERM INT HUP
"$@"
echo $? >"$dir/rc.part" && mv "$dir/rc.part" "$dir/rc"
`;

async function start(directory: string, command: InstallCommand): Promise<void> {
  if (await exists(join(directory, "pid"))) return;
  if (await exists(join(directory, "cancelled"))) return;
  if (!(await exists(join(directory, "known_hosts"))))
    throw new Error(`${directory} holds no known_hosts: identify the installer before the start`);
  const bin = join(directory, "bin");
  const tmp = join(directory, "tmp");
  for (const path of [bin, tmp]) await mkdir(path, { recursive: true, mode: 0o700 });
  const ssh = await findProgram("ssh", command.path);
  await writeFile(join(bin, "ssh"), sshWrapper(ssh, directory), { mode: 0o700 });
  const env = {
    HOME: command.home,
    PATH: `${bin}:${command.path}`,
    TMPDIR: tmp,
    ...(command.nixConfig === undefined ? {} : { NIX_CONFIG: command.nixConfig }),
  };
  const log = await open(join(directory, "log"), "a", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", wrapper, "install", directory, ...command.argv], {
      cwd: directory,
      detached: true,
      env,
      stdio: ["ignore", log.fd, log.fd, "pipe"],
    });
    const claimed = child.stdio[3];
    if (claimed === null || claimed === undefined) throw new Error("descriptor 3 was not made");
    await once(
      claimed.on("data", () => undefined),
      "close",
    );
    child.unref();
  } finally {
    await log.close();
  }
}

/**
 * nixos-anywhere passes StrictHostKeyChecking=no, and nix passes its own options. ssh takes the first
 * value of an option, so what stands here can't be taken back by what follows.
 */
function sshWrapper(ssh: string, directory: string): string {
  const pinned = [
    "StrictHostKeyChecking=yes",
    `UserKnownHostsFile=${join(directory, "known_hosts")}`,
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
  ];
  return `#!/bin/sh\nexec '${ssh}' -F none ${pinned.map((option) => `-o ${option}`).join(" ")} "$@"\n`;
}

async function findProgram(name: string, path: string): Promise<string> {
  for (const directory of path.split(":").filter(isAbsolute)) {
    const file = join(directory, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable && !file.includes("'")) return file;
  }
  throw new Error(`no ${name} in PATH ${path}: install the Debian package openssh-client`);
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

async function readClaim(directory: string): Promise<ProcessIdentity | undefined> {
  const text = await readText(join(directory, "pid"));
  return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity);
}

async function readText(file: string): Promise<string | undefined> {
  return await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
}

async function exists(file: string): Promise<boolean> {
  return (await readText(file)) !== undefined;
}

async function ageMs(file: string, nowMs: number): Promise<number> {
  return Math.max(0, nowMs - (await stat(file)).mtimeMs);
}
