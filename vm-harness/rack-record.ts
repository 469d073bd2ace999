// Which racks exist on this machine and which process made each, so that what a killed run left behind
// is found and removed by the next one, and a rack that is in use is left alone.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeNetwork } from "./network.ts";

// Namespaces don't outlive a boot, and neither does this folder.
const folder = "/run/rackstrap-rack";

interface Owner {
  readonly pid: number;
  /** Clock ticks after boot at which the process started (proc_pid_stat(5), field 22): a pid alone is used again. */
  readonly startTicks: string | undefined;
}

/** Records that this process owns the namespace. Call it before the namespace is made. */
export function recordRack(namespace: string): void {
  mkdirSync(folder, { recursive: true });
  const owner: Owner = { pid: process.pid, startTicks: startTicks(process.pid) };
  writeFileSync(join(folder, namespace), JSON.stringify(owner));
}

export function forgetRack(namespace: string): void {
  rmSync(join(folder, namespace), { force: true });
}

/** Removes the namespaces, with all that runs in them, whose owner has ended without doing so. */
export function removeAbandonedRacks(): void {
  mkdirSync(folder, { recursive: true });
  for (const namespace of readdirSync(folder)) {
    const owner = readOwner(namespace);
    if (owner === undefined || startTicks(owner.pid) === owner.startTicks) continue;
    removeNetwork(namespace);
    forgetRack(namespace);
  }
}

/** The recorded owner; undefined while another process is writing or removing the record. */
function readOwner(namespace: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, namespace), "utf8")) as Owner;
  } catch (cause) {
    if (cause instanceof SyntaxError || (cause as NodeJS.ErrnoException).code === "ENOENT")
      return undefined;
    throw cause;
  }
}

/** Undefined when there is no such process. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name, in parentheses, may hold spaces; what follows it does not.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch (cause) {
    if (["ENOENT", "ESRCH"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw cause;
  }
}
