// Network namespaces of one test file, and the programs that run in them.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { ip, removeNamespaces, requireTools } from "../host.ts";

const run = promisify(execFile);

const patienceMs = 5_000;

/** A program that runs until it is stopped. */
export interface Program {
  readonly process: ChildProcess;
  /** What it has printed, on either output. */
  readonly lines: readonly string[];
  /** The first line from `since` on that fits. The test's own timeout is the limit; a program that ends first is an error. */
  said(fits: string | ((line: string) => boolean), since?: number): Promise<string>;
  readonly ended: Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface Lab {
  /** For files; it goes with the lab. */
  readonly directory: string;
  /** Each is a command line of ip(8) after `ip`. */
  ip(...commands: readonly string[]): Promise<void>;
  run(space: string, ...argv: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  start(space: string, ...argv: readonly string[]): Program;
  close(): Promise<void>;
}

/** Makes the namespaces, without anything in them but `lo`. `tools` names the Debian package of each program that is needed. */
export async function openLab(
  spaces: readonly string[],
  tools: Readonly<Record<string, string>>,
): Promise<Lab> {
  await requireTools(tools);
  await removeNamespaces(...spaces);
  const programs: Program[] = [];
  for (const space of spaces) await ip(`netns add ${space}`, `-n ${space} link set lo up`);
  const directory = await mkdtemp(join(tmpdir(), "rackstrap-dhcp-lab-"));
  return {
    directory,
    ip,
    run: (space, ...argv) => run("ip", ["netns", "exec", space, ...argv]),
    start(space, ...argv) {
      const program = follow(spawn("ip", ["netns", "exec", space, ...argv]));
      programs.push(program);
      return program;
    },
    async close() {
      // Whoever is left in them goes as well, children of a client that is gone included.
      await removeNamespaces(...spaces);
      await Promise.all(programs.map(({ ended }) => ended));
      await rm(directory, { recursive: true });
    },
  };
}

function follow(child: ReturnType<typeof spawn>): Program {
  const lines: string[] = [];
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers();
  };
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null)
      createInterface(stream).on("line", (line) => {
        lines.push(line);
        tell();
      });
  let over = false;
  // Not at "exit": what it printed last may still be in the pipe.
  const ended = once(child, "close").then(() => {
    over = true;
    tell();
  });
  return {
    process: child,
    lines,
    ended,
    async said(fits, since = 0) {
      const test = typeof fits === "string" ? (line: string) => line.includes(fits) : fits;
      for (;;) {
        const line = lines.slice(since).find(test);
        if (line !== undefined) return line;
        if (over) throw new Error(`${child.spawnargs.join(" ")} ended:\n${lines.join("\n")}`);
        await news.promise;
      }
    },
    async stop(signal = "SIGTERM") {
      if (!over) child.kill(signal);
      // dhcpcd loses a signal that comes while its script runs, and its children may keep its output open.
      const force = setTimeout(() => {
        child.kill("SIGKILL");
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, patienceMs);
      await ended;
      clearTimeout(force);
    },
  };
}
