// Reads and writes a generated tree. No link is ever followed inside it, and what is written was looked at again just before.

import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { mkdir, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileDurably } from "../boot/asset-store/durable.ts";
import { messageOf } from "../net/error-text.ts";
import { syncDirectory } from "../net/sync-directory.ts";
import {
  formatManifest,
  type Manifest,
  manifestName,
  maxFileBytes,
  parseManifest,
  sha256,
} from "./manifest.ts";
import { type Action, manifestAfter, type OnDisk } from "./plan.ts";

export interface Tree {
  /** Its folder without links in it; it need not exist. */
  readonly root: string;
  readonly manifest: Manifest;
  /** Checksum of the manifest as it was read; undefined when there was none. */
  readonly manifestSha256: string | undefined;
}

/** What could not be read or written, and the remedy. */
export interface TreeFault {
  readonly fault: string;
  readonly next: string;
}

/** Opens the tree at `directory`. */
export function openTree(directory: string): Tree | TreeFault {
  let root = directory;
  try {
    root = realpathSync(directory);
    if (!lstatSync(root).isDirectory())
      return { fault: `${directory} is no folder`, next: "name a folder with --into" };
  } catch (error) {
    if (!isMissing(error))
      return {
        fault: `${directory} can't be read: ${messageOf(error)}`,
        next: "name a folder with --into that you may read",
      };
  }
  const found = look(root, manifestName);
  if (found === undefined) return { root, manifest: new Map(), manifestSha256: undefined };
  const manifest = found.kind === "file" ? parseManifest(found.text) : { malformed: found.why };
  if ("malformed" in manifest || found.kind !== "file")
    return {
      fault: `${join(root, manifestName)} can't be relied on: ${"malformed" in manifest ? manifest.malformed : "it is no file"}`,
      next: "take it from a backup, or delete it: then every file counts as edited by hand",
    };
  return { root, manifest, manifestSha256: found.sha256 };
}

/** What lies at each of `paths`; those that do not exist are left out. */
export function readFiles(root: string, paths: Iterable<string>): ReadonlyMap<string, OnDisk> {
  const found = new Map<string, OnDisk>();
  for (const path of paths) {
    const there = look(root, path);
    if (there !== undefined) found.set(path, there);
  }
  return found;
}

export interface Written {
  /** Actions that were carried out. */
  readonly done: readonly Action[];
  /** Actions that failed, and those that became impossible since they were planned. */
  readonly failed: readonly { readonly path: string; readonly why: string }[];
}

/**
 * Carries out the actions that change something, one file after the other, each as a whole, and then writes the manifest. A crash in
 * between leaves files that are what would be generated, which the next run takes for its own.
 */
export async function writeTree(
  tree: Tree,
  actions: readonly Action[],
): Promise<Written | TreeFault> {
  const { root, manifest, manifestSha256 } = tree;
  const known = look(root, manifestName);
  if ((known?.kind === "file" ? known.sha256 : undefined) !== manifestSha256)
    return {
      fault: `${join(root, manifestName)} has changed since it was read: somebody else generates into the same tree`,
      next: "run the command again",
    };
  const done: Action[] = [];
  const failed: { path: string; why: string }[] = [];
  for (const action of actions)
    try {
      const why = await carryOut(root, action);
      if (why === undefined) done.push(action);
      else failed.push({ path: action.path, why });
    } catch (error) {
      failed.push({ path: action.path, why: messageOf(error) });
    }
  const text = formatManifest(manifestAfter(manifest, done));
  if (sha256(text) !== manifestSha256) {
    await mkdir(root, { recursive: true });
    await writeFileDurably(join(root, manifestName), text);
  }
  return { done, failed };
}

/** Undefined when it is done, else why it can't be any more. */
async function carryOut(root: string, action: Action): Promise<string | undefined> {
  const { kind, path } = action;
  if (kind === "keep" || kind === "forget") return undefined;
  if (kind === "edited") return "it was edited by hand";
  if (kind === "blocked") return action.why;
  const now = look(root, path);
  const expected = kind === "create" ? undefined : action.before.sha256;
  if (now?.kind === "unusable") return now.why;
  if (now?.sha256 !== expected) return "it has changed while this command ran: run it again";
  const target = join(root, path);
  if (kind === "remove") {
    await unlink(target);
    await syncDirectory(dirname(target));
    await removeEmptyFolders(root, dirname(path));
    return undefined;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFileDurably(target, action.text);
  return undefined;
}

/** Takes away the folders that a removed file leaves empty, from the inside out. */
async function removeEmptyFolders(root: string, folder: string): Promise<void> {
  for (let path = folder; path !== "." && path !== ""; path = dirname(path))
    try {
      await rmdir(join(root, path));
    } catch {
      return;
    }
}

/** What lies at a path, when every folder on the way to it is one and no link. */
export function look(root: string, path: string): OnDisk | undefined {
  const unusable = (why: string): OnDisk => ({ kind: "unusable", why });
  const parts = path.split("/");
  try {
    for (const [index] of parts.entries()) {
      const part = parts.slice(0, index + 1).join("/");
      const status = lstatSync(join(root, part));
      if (status.isSymbolicLink()) return unusable(`${part} is a link, and links are not followed`);
      if (index < parts.length - 1) {
        if (!status.isDirectory()) return unusable(`${part} is no folder`);
      } else if (!status.isFile()) return unusable(`${part} is no regular file`);
      else if (status.size > maxFileBytes) return unusable(`${part} is larger than 16 MiB`);
    }
    const bytes = readFileSync(join(root, path));
    return { kind: "file", text: bytes.toString("utf8"), sha256: sha256(bytes) };
  } catch (error) {
    return isMissing(error) ? undefined : unusable(`it can't be read: ${messageOf(error)}`);
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
