// A server from its start to its end, whichever it is.

import { once } from "node:events";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Lab, startInServerSpace } from "./lab.ts";

export interface Preparation {
  readonly argv: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Writes the server's files into a fresh folder and says how to start it. */
export type Prepare = (directory: string) => Promise<Preparation>;

export interface ServerKind {
  readonly name: string;
  readonly prepare: Prepare;
  /** Resolves when the server answers, rejects when it does not. */
  readonly answering: (lab: Lab, isAlive: () => boolean) => Promise<void>;
}

/** Starts a server on fresh files, waits until it answers, does the work with its process number and stops it again. */
export async function withProcess<T>(
  lab: Lab,
  { name, prepare, answering }: ServerKind,
  work: (pid: number) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(lab.directory, `${name}-`));
  const { argv, environment } = await prepare(directory);
  const logFile = join(directory, "server.log");
  const child = startInServerSpace(lab, argv, logFile, environment);
  const ended = once(child, "exit");
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  try {
    await answering(lab, isAlive);
    const result = await work(child.pid ?? 0);
    if (!isAlive()) throw new Error("it ended while it was measured");
    return result;
  } catch (cause) {
    if (lab.signal.aborted) throw cause;
    const said = (await readFile(logFile, "utf8")).trim().slice(-1000);
    throw new Error(`${name} could not be measured; the end of its log:\n${said}`, { cause });
  } finally {
    child.kill("SIGTERM");
    const stopped = await Promise.race([ended, pause(10_000, undefined, { ref: false })]);
    if (stopped === undefined) child.kill("SIGKILL");
    await ended;
  }
}
