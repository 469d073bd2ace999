// Regular files of the asset directory: found through their links, and opened only while they are what they were.

import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";

/** A regular file below the asset directory, as it was when it was looked at. */
export interface FoundFile {
  /** With all links resolved. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Changes with the file's inode, size, and times of modification and change: the last one nobody can set back. */
  readonly identity: string;
}

/** A file of the manifest. */
export interface AssetFile extends FoundFile {
  /** Of its content, 64 hexadecimal digits. What is read and has another sum must not be served. */
  readonly sha256: string;
}

/** Why a name leads to no file that could be served, as a predicate such as "is empty". */
export interface FileProblem {
  readonly problem: string;
  /** A file is there, and it can't be what it should be. */
  readonly damaged: boolean;
}

/** The file is no longer the one in the manifest: reload, and fetch the set from its start. */
export class AssetChangedError extends Error {
  override name = "AssetChangedError";
}

/**
 * The regular, non-empty file that `path` leads to, or why it cannot be served.
 * `base` is the asset directory with all links resolved: nothing outside of it is given away, not even through a link.
 */
export async function resolveFile(base: string, path: string): Promise<FoundFile | FileProblem> {
  const resolved = await realpath(path).catch(() => undefined);
  if (resolved === undefined) return missing;
  if (!isInside(base, resolved))
    return { problem: "is a link out of the asset directory", damaged: false };
  return findFile(resolved);
}

/** The regular, non-empty file at a path without links, or why it is none. */
export async function findFile(path: string): Promise<FoundFile | FileProblem> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  if (facts === undefined) return missing;
  if (!facts.isFile()) return { problem: "is not a regular file", damaged: false };
  if (facts.size === 0n) return { problem: "is empty", damaged: true };
  return { path, sizeBytes: Number(facts.size), identity: identityOf(facts) };
}

const missing: FileProblem = { problem: "is missing or cannot be read", damaged: false };

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

/** More than any of the texts that describe sets and loaders. */
const maxTextBytes = 1024 * 1024;

/**
 * A small file that describes others; undefined when nothing has that name. Throws a sentence for what can't be one: a pipe
 * would keep its reader waiting for ever, and a device has no end.
 */
export async function readSmallFile(path: string): Promise<Buffer | undefined> {
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new Error(`${path} can't be read (${cause.code})`, { cause });
  });
  if (found === undefined) return undefined;
  if (!found.isFile()) throw new Error(`${path} is not a regular file`);
  if (found.size > maxTextBytes) throw new Error(`${path} has ${found.size} octets, too many`);
  // Non-blocking, as in openAsset.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if ((await handle.stat()).isFile()) return await handle.readFile();
    throw new Error(`${path} is not a regular file`);
  } finally {
    await handle.close();
  }
}

/** True while the opened file is still the one of the manifest. */
export async function isUnchanged(handle: FileHandle, file: FoundFile): Promise<boolean> {
  return identityOf(await handle.stat({ bigint: true })) === file.identity;
}

/** True while what is at the file's path is still that file. */
export async function isCurrent({ path, identity }: FoundFile): Promise<boolean> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  return facts !== undefined && identityOf(facts) === identity;
}

/** See FoundFile. */
export function identityOf(
  facts: Readonly<Record<"ino" | "size" | "mtimeNs" | "ctimeNs", bigint>>,
): string {
  const { ino, size, mtimeNs, ctimeNs } = facts;
  return [ino, size, mtimeNs, ctimeNs].map((value) => value.toString(16)).join("-");
}
