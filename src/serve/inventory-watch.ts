// Notices that the inventory's files have changed, and when they have come to rest. Folders are watched, because editors and deployments
// put a new file in an old one's place; and the files are looked at from time to time, for a link that leads elsewhere by now and for
// file systems that tell nothing.

import { watch } from "node:fs";
import { basename, dirname } from "node:path";
import { areSameTexts, type InventoryTexts } from "../inventory/files.ts";
import type { Clock } from "../operations/runner.ts";

export interface InventoryWatchTools {
  /** The files as they are now. */
  readonly read: () => InventoryTexts;
  /** Whether this is what was read last, in force or not. */
  readonly isLastRead: (texts: InventoryTexts) => boolean;
  /** Something else is there, and has come to rest. Never rejects. */
  readonly onChange: () => Promise<unknown>;
  readonly clock: Clock;
  /** Calls back when something in the folder may have changed, with its name where that is known. */
  readonly watchFolder: (folder: string, onEvent: FolderEvent) => () => void;
}

type FolderEvent = (name: string | null) => void;

export interface InventoryWatch {
  close(): Promise<void>;
}

/** What a file may be called that the others include. */
const maybeInventory = /\.(?:ya?ml|json)$/i;
/** Without any event. A look costs a reading of the files. */
const lookMs = 5_000;
/** So long the files must stay what they are: whoever writes one in pieces writes on sooner. */
const restMs = 100;
// Then they are taken as they are: a file that is written to for ever must not hide that it is not in force.
const maxRests = 50;

/** Looks until it is closed. */
export function startInventoryWatch(tools: InventoryWatchTools): InventoryWatch {
  const { clock } = tools;
  const stop = new AbortController();
  let awake = new AbortController();
  let known: ReadonlySet<string> = new Set();
  const folders = createFolders(tools.watchFolder, (name) => {
    // A database in the same folder is written to all the time.
    if (name === null || known.has(name) || maybeInventory.test(name)) awake.abort();
  });
  const run = async () => {
    while (!stop.signal.aborted) {
      awake = new AbortController();
      const lookedMs = clock.now();
      const texts = tools.read();
      known = new Set([...texts.keys()].map((file) => basename(file)));
      folders.follow(texts);
      if (tools.isLastRead(texts)) {
        await clock.sleep(lookMs, AbortSignal.any([awake.signal, stop.signal]));
        if (clock.now() - lookedMs < restMs) await clock.sleep(restMs, stop.signal);
        continue;
      }
      const rested = await rest(tools, texts, stop.signal);
      if (!stop.signal.aborted && !tools.isLastRead(rested)) await tools.onChange();
    }
  };
  const running = run();
  return {
    close: async () => {
      stop.abort();
      folders.close();
      await running;
    },
  };
}

/** The texts when two readings in a row are equal. */
async function rest(
  { read, clock }: InventoryWatchTools,
  seen: InventoryTexts,
  signal: AbortSignal,
): Promise<InventoryTexts> {
  let before = seen;
  for (let rests = 0; rests < maxRests && !signal.aborted; rests += 1) {
    await clock.sleep(restMs, signal);
    const now = read();
    if (areSameTexts(before, now)) break;
    before = now;
  }
  return before;
}

/** Watches the folders of the files that there are at the moment. */
function createFolders(watchFolder: InventoryWatchTools["watchFolder"], onEvent: FolderEvent) {
  const watched = new Map<string, () => void>();
  return {
    follow: (texts: InventoryTexts) => {
      const wanted = new Set([...texts.keys()].map((file) => dirname(file)));
      for (const [folder, close] of watched)
        if (!wanted.has(folder)) {
          close();
          watched.delete(folder);
        }
      for (const folder of wanted)
        if (!watched.has(folder)) watched.set(folder, watchFolder(folder, onEvent));
    },
    close: () => {
      for (const close of watched.values()) close();
      watched.clear();
    },
  };
}

/** Watches a folder of the disk. One that can't be watched is told by `onFailure`: then changes are found at the next look. */
export function watchDiskFolder(
  folder: string,
  onEvent: FolderEvent,
  onFailure: (error: unknown) => void,
): () => void {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => onEvent(name));
    watcher.on("error", onFailure);
    return () => watcher.close();
  } catch (error) {
    onFailure(error);
    return () => undefined;
  }
}
