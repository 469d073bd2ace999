// What a console printed during one operation, in a file as it came: at most two halves of a bounded size, of which the older goes
// first. Only its owner reads it: a console shows what was typed into it.

import { appendFile, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../net/error-text.ts";

export interface ConsoleFile {
  /** Never throws and never waits. */
  write(data: Buffer): void;
  /** Resolves when all of it is written, or given up. */
  close(): Promise<void>;
}

export interface ConsoleLog {
  readonly operation: string;
  readonly printed: Buffer;
}

const halfBytes = 4 * 1024 * 1024;
// A disk that is slower than this many unwritten octets of a serial line is full or broken.
const maxUnwrittenBytes = 1024 * 1024;
const keptOperations = 5;
const ending = ".log";

/** Below the state directory: a folder for each node. */
export function consoleDirectory(stateDirectory: string, node: string): string {
  return join(stateDirectory, "consoles", node);
}

/** Opens the file of an operation for more. `onFault` hears once of what can't be written, and nothing is tried after that. */
export function openConsoleFile(
  directory: string,
  operation: string,
  onFault: (reason: string) => void,
  limitBytes = halfBytes,
): ConsoleFile {
  const path = join(directory, `${operation}${ending}`);
  let unwritten: Buffer[] = [];
  let unwrittenBytes = 0;
  let size: number | undefined;
  let writing: Promise<void> | undefined;
  let broken = false;

  const flush = async (): Promise<void> => {
    try {
      size ??= await prepare(path);
      while (unwritten.length > 0) {
        const data = Buffer.concat(unwritten);
        unwritten = [];
        unwrittenBytes = 0;
        if (size > 0 && size + data.length > limitBytes) {
          await rename(path, `${path}.1`);
          size = 0;
        }
        await appendFile(path, data, { mode: 0o600 });
        size += data.length;
      }
    } catch (error) {
      broken = true;
      unwritten = [];
      onFault(`${path} can't be written: ${messageOf(error)}`);
    }
    writing = undefined;
  };

  return {
    write: (data) => {
      if (broken || unwrittenBytes + data.length > maxUnwrittenBytes) return;
      unwritten.push(data);
      unwrittenBytes += data.length;
      writing ??= flush();
    },
    close: async () => {
      while (writing !== undefined) await writing;
    },
  };
}

/** Makes room for the file; gives its size, which is not 0 after a restart of the server in the middle of an operation. */
async function prepare(path: string): Promise<number> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const { operation } of (await captured(directory)).slice(keptOperations - 1)) {
    const old = join(directory, `${operation}${ending}`);
    if (old === path) continue;
    await rm(old, { force: true });
    await rm(`${old}.1`, { force: true });
  }
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}

/** What the console of the newest operation printed; undefined when nothing was ever captured. */
export async function readConsoleLog(directory: string): Promise<ConsoleLog | undefined> {
  const [newest] = await captured(directory);
  if (newest === undefined) return undefined;
  const path = join(directory, `${newest.operation}${ending}`);
  const halves = await Promise.all(
    [`${path}.1`, path].map((half) => readFile(half).catch(() => Buffer.alloc(0))),
  );
  return { operation: newest.operation, printed: Buffer.concat(halves) };
}

/** Newest first. */
async function captured(directory: string) {
  const names = await readdir(directory).catch(() => []);
  const files = await Promise.all(
    names
      .filter((name) => name.endsWith(ending))
      .map(async (name) => ({
        operation: name.slice(0, -ending.length),
        writtenMs: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0,
      })),
  );
  return files.toSorted((a, b) => b.writtenMs - a.writtenMs);
}
