// The benchmark's room: two network namespaces joined by one wire, a folder on a real disk, and what a process costs.
// Everything in it is gone when the work is over, also after Ctrl-C.

import { type ChildProcess, execFile } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  type CommandResult,
  removeNetwork,
  runInNamespace,
  spawnInNamespace,
} from "../../vm-harness/network.ts";

export const addresses = {
  server: "10.77.0.1",
  /** perfdhcp, as a relay. */
  relay: "10.77.0.2",
  /** The relay of the reserved machine, so that its answers don't reach perfdhcp. */
  reservedRelay: "10.77.0.3",
  reserved: "10.77.0.50",
  poolStart: "10.77.1.0",
  poolEnd: "10.77.255.254",
} as const;

export const network = "10.77.0.0/16";
export const reservedMac = "02:bb:00:00:00:01";
export const serverInterface = "rsb-s0";

const run = promisify(execFile);
const clientInterface = "rsb-c0";
const tmpfsMagic = 0x01021994;
// The unit of /proc/PID/stat (USER_HZ); 100 on every Linux that Node runs on.
const ticksPerSecond = 100;

export interface Lab {
  readonly serverSpace: string;
  readonly clientSpace: string;
  /** On a disk: a lease file in memory would flatter whoever waits for the disk. */
  readonly directory: string;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Builds the room, does the work in it and clears it away, whatever happens. */
export async function withLab<T>(signal: AbortSignal, work: (lab: Lab) => Promise<T>): Promise<T> {
  const parent = process.env["TMPDIR"] ?? "/var/tmp";
  if ((await statfs(parent)).type === tmpfsMagic)
    throw new Error(
      `${parent} is a tmpfs, and leases are to be written to a disk: set TMPDIR to a folder on one`,
    );
  // With the process number: two benchmarks at once spoil each other's figures, but must not end each other.
  const [serverSpace, clientSpace] = [`rsb-server-${process.pid}`, `rsb-client-${process.pid}`];
  const directory = await mkdtemp(join(parent, "rackstrap-bench-"));
  // Ends whatever runs in them: a command that is waited for ends at once, and the wait with it.
  const clear = () => {
    removeNetwork(serverSpace);
    removeNetwork(clientSpace);
  };
  signal.addEventListener("abort", clear);
  try {
    await createWire(serverSpace, clientSpace);
    return await work({ serverSpace, clientSpace, directory, signal });
  } finally {
    signal.removeEventListener("abort", clear);
    clear();
    await rm(directory, { recursive: true, force: true });
  }
}

async function createWire(serverSpace: string, clientSpace: string): Promise<void> {
  const commands = [
    `netns add ${serverSpace}`,
    `netns add ${clientSpace}`,
    `-n ${serverSpace} link add ${serverInterface} type veth peer name ${clientInterface} netns ${clientSpace}`,
    `-n ${serverSpace} addr add ${addresses.server}/16 dev ${serverInterface}`,
    `-n ${clientSpace} addr add ${addresses.relay}/16 dev ${clientInterface}`,
    `-n ${clientSpace} addr add ${addresses.reservedRelay}/16 dev ${clientInterface}`,
    `-n ${serverSpace} link set lo up`,
    `-n ${clientSpace} link set lo up`,
    `-n ${serverSpace} link set ${serverInterface} up`,
    `-n ${clientSpace} link set ${clientInterface} up`,
  ];
  for (const command of commands) await run("ip", command.split(" "));
}

/** Runs a command in the client's namespace to its end. Rejects when interrupted; `timeoutMs` ends a command that hangs. */
export function runClient(
  lab: Lab,
  argv: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  return runIn(lab, lab.clientSpace, argv, timeoutMs);
}

/** The same in the server's namespace: what it sends to the server goes over loopback. */
export function runBesideServer(
  lab: Lab,
  argv: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  return runIn(lab, lab.serverSpace, argv, timeoutMs);
}

async function runIn(
  { signal }: Lab,
  space: string,
  argv: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  signal.throwIfAborted();
  const result = await runInNamespace(space, argv, { timeoutMs });
  signal.throwIfAborted();
  return result;
}

/** Starts a long-lived command in the server's namespace; what it prints goes to `logFile`. */
export function startInServerSpace(
  lab: Lab,
  argv: readonly string[],
  logFile: string,
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  const log = openSync(logFile, "a");
  // In a group of its own: Ctrl-C is for the benchmark to act on.
  const child = spawnInNamespace(lab.serverSpace, argv, {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...environment },
  });
  closeSync(log);
  return child;
}

export interface Usage {
  /** User and system time of all threads since the process began. */
  readonly cpuSeconds: number;
  /** The largest resident set so far, MiB. */
  readonly peakRssMib: number;
}

/** What a process and its children have used until now. Throws when it is gone. */
export function usageOf(pid: number): Usage {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  const usages = [pid, ...children.filter(Boolean).map(Number)].map(usageOfOne);
  return {
    cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    peakRssMib: usages.reduce((sum, { peakRssMib }) => sum + peakRssMib, 0),
  };
}

function usageOfOne(pid: number): Usage {
  const highWater = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return { cpuSeconds: cpuSecondsOf(`/proc/${pid}`), peakRssMib: Number(highWater?.[1]) / 1024 };
}

/** User and system time of the threads of a process, by their names; several of one name are summed. */
export function threadSecondsOf(pid: number): Readonly<Record<string, number>> {
  const seconds: Record<string, number> = {};
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const path = `/proc/${pid}/task/${thread}`;
    const name = readFileSync(`${path}/comm`, "utf8").trim();
    seconds[name] = (seconds[name] ?? 0) + cpuSecondsOf(path);
  }
  return seconds;
}

/** `path` is that of a process or of a thread in /proc. */
function cpuSecondsOf(path: string): number {
  const stat = readFileSync(`${path}/stat`, "utf8");
  // The name of the process, in parentheses, may hold anything: count from behind it (proc(5), fields 14 and 15).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
