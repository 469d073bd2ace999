// Finds the processes of an install run in /proc, also those that outlived their parent or this server.
// Linux only, as the rest of rackstrap is.

import { readdirSync, readFileSync } from "node:fs";

/** Tells a process from a later one with the same id, over a reboot of this server as well. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, field 22 of proc_pid_stat(5). */
  readonly startTime: number;
  readonly bootId: string;
}

interface ProcessStat {
  readonly zombie: boolean;
  readonly session: number;
  readonly startTime: number;
}

/** Whether exactly this process still runs. One that ended and waits for its parent doesn't. */
export function isAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  const stat = statOf(identity.pid);
  return stat !== undefined && !stat.zombie && stat.startTime === identity.startTime;
}

/**
 * The processes that carry `marker` (`NAME=value`) in their environment, and all others of the
 * sessions they are in: a child may have cleared its environment or left its process group.
 */
export function findProcesses(marker: string): number[] {
  const running = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(Number(name));
      return stat === undefined || stat.zombie
        ? []
        : [{ pid: Number(name), session: stat.session }];
    });
  const marked = running.filter(({ pid }) => carries(pid, marker));
  const sessions = new Set(marked.map(({ session }) => session));
  // Never this server's own session: a run is launched into a new one.
  sessions.delete(statOf(process.pid)?.session ?? 0);
  return running
    .filter((found) => marked.includes(found) || sessions.has(found.session))
    .map(({ pid }) => pid);
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function statOf(pid: number): ProcessStat | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, , , session] = fields;
  const startTime = Number(fields[19]);
  if (state === undefined || !Number.isInteger(startTime)) return undefined;
  return { zombie: state === "Z" || state === "X", session: Number(session), startTime };
}

function carries(pid: number, marker: string): boolean {
  return readProc(`/proc/${pid}/environ`).split("\0").includes(marker);
}

/** Empty for a process that has ended or belongs to somebody else. */
function readProc(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
