// Remembers the sum of each image and whether it is whole, for as long as the file stays the same one, so that 250 MB
// are not read for every boot script. The memory may be kept in a file, for a fast start; `recheck` reads everything again.

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { AssetChangedError, type FoundFile, findFile } from "../asset-file.ts";
import { writeFileDurably } from "./durable.ts";
import { changing, faultOf, type ImageKind, type Pace, readingFault, sumOf } from "./image-file.ts";

export interface Examined {
  readonly sha256: string;
  /** Why it must not be served, as a predicate such as "is cut short". */
  readonly fault: string | undefined;
}

export interface Examiner {
  /** What is known of the file, read once. A file that changes while it is read has that as its fault. */
  examine(file: FoundFile, kind: ImageKind): Promise<Examined>;
  /** Reads everything known again. A file whose content is another than it was, and that looks unchanged, is damaged from now on. */
  recheck(pace: Pace, signal: AbortSignal): Promise<void>;
  /** Somebody read the file and got another content than its sum says. */
  markDamaged(file: FoundFile): void;
  /** Forgets every file that was not asked about since the last call, and writes the memory down. */
  keep(): Promise<void>;
}

const entryShape = z.strictObject({
  identity: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  fault: z.string().optional(),
  /** Its content changed behind its back. */
  damaged: z.boolean(),
});
type Entry = Readonly<z.output<typeof entryShape>>;
const memoryShape = z.record(z.string(), entryShape);

const damagedText = "is damaged: its content changed on the disk";

/** `memoryFile` need not exist, nor be readable or writable: then files are read again at the next start. */
export async function createExaminer(
  memoryFile?: string,
  pace: Pace = () => {},
): Promise<Examiner> {
  const entries = new Map(Object.entries(await loadMemory(memoryFile)));
  const asked = new Set<string>();
  let written = JSON.stringify([...entries]);

  const remembered = ({ path, identity }: FoundFile): Entry | undefined => {
    const entry = entries.get(path);
    return entry?.identity === identity ? entry : undefined;
  };
  const read = async (file: FoundFile, kind: ImageKind): Promise<Entry> => {
    const sha256 = await sumOf(file, pace);
    const fault = await faultOf(file, kind);
    const entry: Entry = {
      identity: file.identity,
      sha256,
      damaged: false,
      ...(fault && { fault }),
    };
    entries.set(file.path, entry);
    return entry;
  };
  const recheckOne = async (path: string, entry: Entry, pause: Pace) => {
    const file = await findFile(path);
    // Gone or replaced: the next reading of the directory deals with it.
    if ("problem" in file || file.identity !== entry.identity) return;
    const sum = await sumOf(file, pause).catch(readingFault);
    if (sum === changing) return;
    entries.set(path, { ...entry, damaged: sum !== entry.sha256 });
  };

  return {
    examine: async (file, kind) => {
      asked.add(file.path);
      // What goes wrong with a file is said of that file: a bad sector must not end the reading of all others.
      const entry = remembered(file) ?? (await read(file, kind).catch(readingFault));
      if (typeof entry === "string") return { sha256: "", fault: entry };
      return { sha256: entry.sha256, fault: entry.damaged ? damagedText : entry.fault };
    },
    recheck: async (pause, signal) => {
      const pauseOrStop = async (octets: number) => {
        await pause(octets);
        if (signal.aborted) throw new AssetChangedError("the check was ended");
      };
      for (const [path, entry] of [...entries])
        if (!signal.aborted) await recheckOne(path, entry, pauseOrStop);
    },
    markDamaged: (file) => {
      const entry = remembered(file);
      if (entry !== undefined) entries.set(file.path, { ...entry, damaged: true });
    },
    keep: async () => {
      for (const path of entries.keys()) if (!asked.has(path)) entries.delete(path);
      asked.clear();
      const now = JSON.stringify([...entries]);
      if (memoryFile === undefined || now === written) return;
      written = now;
      const text = `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;
      // A full disk costs the next start some seconds and nothing else.
      await writeFileDurably(memoryFile, text).catch(() => undefined);
    },
  };
}

async function loadMemory(file: string | undefined): Promise<Readonly<Record<string, Entry>>> {
  if (file === undefined) return {};
  try {
    return memoryShape.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return {};
  }
}
