// One server of a comparison, of one program or several: started on fresh files, waited for until it answers, and stopped again.

import type { ChildProcess } from "node:child_process";
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

/** Asks the server once: undefined when it answered, else what was seen in place of an answer. */
export type Ask = () => Promise<string | undefined>;

const startLimitMs = 60_000;

/** Starts a server on fresh files, waits until it answers, does the work with its process number and stops it again. */
export function withServerProcess<T>(
  lab: Lab,
  name: string,
  prepare: Prepare,
  ask: Ask,
  work: (pid: number) => Promise<T>,
): Promise<T> {
  const prepareOne = async (directory: string) => [await prepare(directory)];
  return withServerProcesses(lab, name, prepareOne, ask, ([pid = 0]) => work(pid));
}

/** The same with a server that is several programs. */
export async function withServerProcesses<T>(
  lab: Lab,
  name: string,
  prepare: (directory: string) => Promise<readonly Preparation[]>,
  ask: Ask,
  work: (pids: readonly number[]) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(lab.directory, `${name}-`));
  const logFile = join(directory, "server.log");
  const children = (await prepare(directory)).map(({ argv, environment }) =>
    startInServerSpace(lab, argv, logFile, environment),
  );
  const isAlive = () =>
    children.every(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  try {
    await answering(ask, isAlive);
    const result = await work(children.map(({ pid = 0 }) => pid));
    if (!isAlive()) throw new Error("it ended while it was measured");
    return result;
  } catch (cause) {
    if (lab.signal.aborted) throw cause;
    const said = (await readFile(logFile, "utf8")).trim().slice(-1000);
    throw new Error(`${name} could not be measured; the end of its log:\n${said}`, { cause });
  } finally {
    await Promise.all(children.map(stop));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const stopped = await Promise.race([ended, pause(10_000, undefined, { ref: false })]);
  if (stopped === undefined) child.kill("SIGKILL");
  await ended;
}

async function answering(ask: Ask, isAlive: () => boolean): Promise<void> {
  let last: string | undefined = "nothing";
  const endAt = performance.now() + startLimitMs;
  while (performance.now() < endAt) {
    if (!isAlive()) throw new Error("it ended at its start");
    last = await ask();
    if (last === undefined) return;
    await pause(200);
  }
  throw new Error(`it did not answer in ${startLimitMs / 1000} s; the last that was seen: ${last}`);
}
