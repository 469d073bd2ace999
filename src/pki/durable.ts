// Files that must be whole after a power cut, for their owner only.

import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../net/sync-directory.ts";

/** Writes a file that must not exist yet, mode 0600, and waits for the disk. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts `text` in the place of a file, or where none is: whoever reads it has the one or the other. */
export async function replaceDurably(file: string, text: string): Promise<void> {
  const unfinished = `${file}.new`;
  await rm(unfinished, { force: true });
  await writeDurably(unfinished, text);
  await rename(unfinished, file);
  await syncDirectory(dirname(file));
}

/**
 * Puts `text` in the place of a file's content at once, and then overwrites the octets that were there. On file systems that write
 * elsewhere than they read, and on flash, copies of the old octets may remain: no program can reach those.
 */
export async function replaceAndErase(file: string, text: string): Promise<void> {
  const unfinished = `${file}.new`;
  await rm(unfinished, { force: true });
  await writeDurably(unfinished, text);
  const old = await open(file, "r+");
  try {
    await rename(unfinished, file);
    await syncDirectory(dirname(file));
    await overwrite(old);
  } finally {
    await old.close();
  }
}

/** Overwrites a file's octets where they lie, and leaves it there; what is said above of copies holds here too. */
export async function eraseContent(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    await overwrite(handle);
  } finally {
    await handle.close();
  }
}

async function overwrite(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  await handle.write(randomBytes(size), 0, size, 0);
  await handle.sync();
}
