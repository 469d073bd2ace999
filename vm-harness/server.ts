// The product as a person runs it on the rack: the server in the rack's namespace, and its command line.

import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type CommandResult, runInNamespace, spawnInNamespace } from "./network.ts";

const commandLine = [process.execPath, join(import.meta.dirname, "../src/cli/main.ts")];

export interface RackServer {
  readonly pid: number;
  /** Ends it as a power cut would. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Ends it as systemd would, and resolves to its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `rackstrap serve` and resolves when its API answers. Its log is appended to `logFile`; `environment` is added to its own. */
export async function startServer(
  namespace: string,
  inventoryFile: string,
  logFile: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RackServer> {
  const log = openSync(logFile, "a");
  const argv = [...commandLine, "serve", "--inventory", inventoryFile];
  // In a group of its own: a Ctrl-C at the terminal is for whoever started the rack to act on.
  const child = spawnInNamespace(namespace, argv, {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, ...environment },
  });
  closeSync(log);
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return await ended;
  };
  for (let attempt = 0; attempt < 60; attempt++) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(
        `the server ended with ${child.exitCode ?? child.signalCode}: see ${logFile}`,
      );
    const { code } = await rackstrap(namespace, inventoryFile, ["nodes", "--json"]);
    if (code === 0)
      return {
        pid: child.pid ?? 0,
        kill: async () => void (await end("SIGKILL")),
        stop: () => end("SIGTERM"),
      };
    await sleep(500);
  }
  await end("SIGKILL");
  throw new Error(`the server's API did not answer: see ${logFile}`);
}

/** Runs one command of the command line to its end. */
export function rackstrap(
  namespace: string,
  inventoryFile: string,
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<CommandResult> {
  const argv = [...commandLine, ...args, "--inventory", inventoryFile];
  return runInNamespace(namespace, argv, { timeoutMs });
}

/** The same with the terminal handed over, for a person to watch; resolves to the exit code. */
export function rackstrapForPerson(
  namespace: string,
  inventoryFile: string,
  args: readonly string[],
): Promise<number | null> {
  const argv = [...commandLine, ...args, "--inventory", inventoryFile];
  return new Promise((resolve, reject) => {
    spawnInNamespace(namespace, argv, { stdio: "inherit" })
      .once("error", reject)
      .once("exit", (code) => resolve(code));
  });
}
