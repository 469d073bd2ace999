// Files that are read whole because no cache has room for them: who asks for one that is being sent gets the same octets.

import type { FoundFile } from "../boot/asset-file.ts";
import type { HeldFile } from "../tftp/server.ts";

/** Rejects as the reading does. What is given is to be released once; with the last that holds it, the file leaves memory. */
export type SharedReads = (file: FoundFile) => Promise<HeldFile>;

export function createSharedReads(read: (file: FoundFile) => Promise<Buffer>): SharedReads {
  const entries = new Map<string, { readonly data: Promise<Buffer>; users: number }>();
  return async (file) => {
    const key = `${file.path}\n${file.identity}`;
    const entry = entries.get(key) ?? { data: read(file), users: 0 };
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
