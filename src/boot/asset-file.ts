// Regular files of the asset directory: found through their links, and opened only while they are what they were.

import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

/** A regular file below the asset directory, as it was when it was looked at. */
export interface FoundFile {
  /** With all links resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Changes with the file's inode, size or modification time. */
  readonly identity: string;
}

/** A file of the manifest. */
export interface AssetFile extends FoundFile {
  /** Of its content, 64 hexadecimal digits. What is read and has another sum must not be served. */
  readonly sha256: string;
}

/** The file is no longer the one in the manifest: reload, and fetch the set from its start. */
export class AssetChangedError extends Error {
  override name = "AssetChangedError";
}

/**
 * The regular, non-empty file that `path` leads to, or why it cannot be served.
 * `base` is the asset directory with all links resolved: nothing outside of it is given away, not even through a link.
 */
export async function resolveFile(
  base: string,
  path: string,
): Promise<FoundFile | { readonly problem: string }> {
  const resolved = await realpath(path).catch(() => undefined);
  if (resolved === undefined) return { problem: "is missing or cannot be read" };
  if (!isInside(base, resolved)) return { problem: "is a link out of the asset directory" };
  return findFile(resolved);
}

/** The regular, non-empty file at a path without links, or why it is none. */
export async function findFile(path: string): Promise<FoundFile | { readonly problem: string }> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined) return { problem: "is missing or cannot be read" };
  if (!facts.isFile()) return { problem: "is not a regular file" };
  if (facts.size === 0n) return { problem: "is empty" };
  return { path, sizeBytes: Number(facts.size), identity: identityOf(facts) };
}

/** True when `path`, with all links resolved, lies below `base`. */
export function isInside(base: string, path: string): boolean {
  return path.startsWith(base + sep);
}

/**
 * Opens a file of the manifest. The caller closes the handle. Throws AssetChangedError when what is there now
 * is not the file that the manifest describes, so a kernel is never served with another image's initrd.
 */
export async function openAsset(file: FoundFile): Promise<FileHandle> {
  // Non-blocking, so that a pipe put in the file's place cannot hold the open.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file.path, flags).catch((cause: unknown) => {
    throw new AssetChangedError(`${file.path} cannot be opened any more`, { cause });
  });
  if (await isUnchanged(handle, file)) return handle;
  await handle.close();
  throw new AssetChangedError(`${file.path} changed after it was read into the manifest`);
}

/** True while the opened file is still the one of the manifest. */
export async function isUnchanged(handle: FileHandle, file: FoundFile): Promise<boolean> {
  return identityOf(await handle.stat({ bigint: true })) === file.identity;
}

/** See FoundFile. */
export function identityOf(facts: Readonly<Record<"ino" | "size" | "mtimeNs", bigint>>): string {
  return [facts.ino, facts.size, facts.mtimeNs].map((value) => value.toString(16)).join("-");
}
