// The rack's cables: one network namespace with the three networks of the runbook as bridges, one
// tap per network card, and the commands that run inside it. It starts no machine and no server.

import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** The address this side has on each bridge. The bridge's name is the network's. */
const bridges = {
  prov: "10.0.100.10/24",
  prod: "10.0.200.1/24",
  mgmt: "10.0.10.10/24",
} as const;

export interface CommandResult {
  /** Exit code; null when the command was ended by a signal or by the time limit. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Added to this process's own environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Default 30 s; the command is killed after it. */
  readonly timeoutMs?: number;
}

/** The tap of a machine's card: its name on the host side of the cable. At most 15 characters (IFNAMSIZ). */
export function tapName(network: "prov" | "prod", machine: string): string {
  const name = `${network}-${machine}`;
  if (name.length > 15)
    throw new Error(`machine name "${machine}" is longer than 10 characters: shorten it`);
  return name;
}

/**
 * Makes the namespace: bridges without spanning tree, so a port forwards from its first packet, a tap
 * pair per machine and one address per BMC on the management bridge. Throws when ip(8) refuses.
 */
export function createNetwork(
  namespace: string,
  machines: readonly { readonly name: string; readonly bmcAddress: string }[],
): void {
  ip(["netns", "add", namespace]);
  const batch = [
    "link set lo up",
    ...Object.entries(bridges).flatMap(([bridge, address]) => [
      `link add name ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
      `address add ${address} dev ${bridge}`,
      `link set ${bridge} up`,
    ]),
    ...machines.flatMap(({ name, bmcAddress }) => [
      ...(["prov", "prod"] as const).flatMap((network) => [
        `tuntap add dev ${tapName(network, name)} mode tap`,
        `link set ${tapName(network, name)} master ${network} up`,
      ]),
      `address add ${bmcAddress}/24 dev mgmt`,
    ]),
  ];
  ip(["-n", namespace, "-batch", "-"], `${batch.join("\n")}\n`);
}

/**
 * Ends every process in the namespace and removes it with all its interfaces. Nothing happens when it
 * doesn't exist. Only for a namespace that this harness made: whatever runs inside is killed.
 */
export function removeNetwork(namespace: string): void {
  if (!existsSync(`/run/netns/${namespace}`)) return;
  // A process may be forking while it is being listed; a few rounds catch its children.
  for (let round = 0; round < 5; round++) {
    const pids = ip(["netns", "pids", namespace]).split("\n").filter(Boolean).map(Number);
    if (pids.length === 0) break;
    for (const pid of pids) kill(pid);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
  ip(["netns", "delete", namespace]);
}

/** Starts a long-lived command inside the namespace. The child's pid is the command's own. */
export function spawnInNamespace(
  namespace: string,
  argv: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  return spawn("ip", ["netns", "exec", namespace, ...argv], options);
}

/** Runs a command inside the namespace to its end and keeps what it printed. Rejects only when it can't be started. */
export function runInNamespace(
  namespace: string,
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { environment = {}, input = "", timeoutMs = 30_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn("ip", ["netns", "exec", namespace, ...argv], {
      env: { ...process.env, ...environment },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output.stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
    // A command that doesn't read its input closes the pipe: no concern of ours.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

/** Makes a namespace of its own for what stands beside the rack, and runs ip(8)'s commands `links`, one after the other. */
export function addNamespace(namespace: string, links: readonly string[]): void {
  ip(["netns", "add", namespace]);
  for (const link of links) ip(link.split(" "));
}

/** Runs ip(8); throws what it said when it refuses. */
function ip(args: readonly string[], input = ""): string {
  const { status, stdout, stderr } = spawnSync("ip", args, { encoding: "utf8", input });
  if (status !== 0)
    throw new Error(
      `ip ${args.join(" ")} failed: ${stderr.trim()}; the virtual rack needs a system where root may make network namespaces`,
    );
  return stdout;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ESRCH") throw cause;
  }
}
