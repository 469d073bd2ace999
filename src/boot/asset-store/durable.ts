// Files and names that survive a loss of power: written aside, synced, put in place by rename, and the folder synced after it.

import { randomBytes } from "node:crypto";
import { open, rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "../../net/sync-directory.ts";

/** Replaces `path` as a whole; a reader sees the old content or the new one. */
export async function writeFileDurably(path: string, content: string | Buffer): Promise<void> {
  const unfinished = besides(path);
  const handle = await open(unfinished, "wx", 0o644);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

/** Makes `path` a link to `target`, in place of a link or file that has the name. A folder in the way is an error (EISDIR). */
export async function linkDurably(target: string, path: string): Promise<void> {
  const unfinished = besides(path);
  await symlink(target, unfinished);
  await rename(unfinished, path);
  await syncDirectory(dirname(path));
}

/** A hidden name in the same folder; whoever lists the folder passes over it. */
function besides(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}`);
}
