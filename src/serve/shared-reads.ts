// Files that are read whole because no cache has room for them: who asks for one that is being sent gets the same octets.

import { AssetChangedError, type FoundFile, isUnchanged, openAsset } from "../boot/asset-file.ts";
import type { HeldFile } from "../tftp/server.ts";

/**
 * `full`: the file is too large, or has no room beside those that are in use. Rejects as the reading does. What is given is to be
 * released once; with the last that holds it, the file leaves memory.
 */
export type SharedReads = (file: FoundFile) => Promise<HeldFile | "full">;

// One forged request for each file of the directory must not take the whole memory.
const mebibyte = 1024 * 1024;
const mostBytes = 512 * mebibyte;
const mostFileBytes = 256 * mebibyte;

interface Entry {
  readonly sizeBytes: number;
  readonly data: Promise<Buffer>;
  users: number;
}

export function createSharedReads(read: (file: FoundFile) => Promise<Buffer>): SharedReads {
  const entries = new Map<string, Entry>();
  const begin = (file: FoundFile): Entry | undefined => {
    const { sizeBytes } = file;
    const usedBytes = [...entries.values()].reduce((sum, entry) => sum + entry.sizeBytes, 0);
    const fits = sizeBytes <= mostFileBytes && usedBytes + sizeBytes <= mostBytes;
    return fits ? { sizeBytes, data: read(file), users: 0 } : undefined;
  };
  return async (file) => {
    const key = `${file.path}\n${file.identity}`;
    const entry = entries.get(key) ?? begin(file);
    if (entry === undefined) return "full";
    entries.set(key, entry);
    entry.users += 1;
    const release = () => {
      entry.users -= 1;
      if (entry.users === 0) entries.delete(key);
    };
    try {
      return { data: await entry.data, release };
    } catch (error) {
      release();
      throw error;
    }
  };
}

/** The file's octets. Rejects with AssetChangedError when it is not the file that was found. */
export async function readWhole(file: FoundFile): Promise<Buffer> {
  const handle = await openAsset(file);
  try {
    const data = await handle.readFile();
    if (data.length === file.sizeBytes && (await isUnchanged(handle, file))) return data;
    throw new AssetChangedError(`${file.path} changed while it was read`);
  } finally {
    await handle.close();
  }
}
