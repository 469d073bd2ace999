// What the tests with foreign programs need of the machine they run on: Debian's programs and network namespaces.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** `packages` names the Debian package of each program; throws with the package's name when one is missing. */
export async function requireTools(packages: Readonly<Record<string, string>>): Promise<void> {
  for (const [tool, name] of Object.entries(packages))
    await run("which", [tool]).catch(() => {
      throw new Error(`${tool} is missing: install the Debian package ${name}`);
    });
}

/** Each is a command line of ip(8) after `ip`. */
export async function ip(...commands: readonly string[]): Promise<void> {
  for (const command of commands) await run("ip", command.split(" "));
}

/** Removes those that are there, and ends whoever is left in them: a program that went into the background outlives its test. */
export async function removeNamespaces(...spaces: readonly string[]): Promise<void> {
  const { stdout } = await run("ip", ["netns", "list"]);
  for (const space of spaces) {
    if (!stdout.split(/\s/).includes(space)) continue;
    const { stdout: pids } = await run("ip", ["netns", "pids", space]);
    for (const pid of pids.split("\n").filter(Boolean)) process.kill(Number(pid), "SIGKILL");
    await ip(`netns del ${space}`);
  }
}
