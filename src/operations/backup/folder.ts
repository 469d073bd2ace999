// A backup's folder on this server's disk: written so that only its owner reads it and a crash leaves no half one that looks whole,
// read with every file's sum. What is right about it is judged in manifest.ts.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  access,
  constants,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf } from "../../net/error-text.ts";
import { syncDirectory } from "../../net/sync-directory.ts";
import {
  type BackedUpFile,
  type Found,
  fileFaults,
  folderName,
  type Manifest,
  manifestName,
  parseManifest,
  setFaults,
} from "./manifest.ts";

const folderMode = 0o700;
const fileMode = 0o600;
const maxManifestBytes = 16 * 1024 * 1024;

/** A text of the site that is kept with its data. */
export interface SiteFile {
  /** Relative, below the backup's folder. */
  readonly path: string;
  readonly text: string;
}

/** Where backups are kept unless an operator names another place. */
export function backupsDirectory(stateDirectory: string): string {
  return join(stateDirectory, "backups");
}

/** Of the operation that was begun then. */
export function backupFolder(directory: string, startedMs: number): string {
  return join(directory, folderName(startedMs));
}

/** Makes the folder, the owner's alone. May be repeated; throws where another backup has it. */
export async function openFolder(folder: string, id: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: folderMode });
  await syncDirectory(dirname(folder));
  const there = await readManifest(folder);
  if (!("fault" in there) && there.id !== id)
    throw new Error(`${folder} holds the backup ${there.id} already: move it away`);
}

/** Writes each text below the folder and says what was written. May be repeated. */
export async function writeSiteFiles(
  folder: string,
  files: readonly SiteFile[],
): Promise<readonly BackedUpFile[]> {
  const written: BackedUpFile[] = [];
  for (const { path, text } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: folderMode });
    await writeWhole(join(folder, path), text);
    const sha256 = createHash("sha256").update(text).digest("hex");
    written.push({ path, bytes: Buffer.byteLength(text), sha256 });
  }
  return written;
}

/** With this the folder is a backup. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeWhole(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await syncDirectory(dirname(folder));
}

async function writeWhole(file: string, text: string): Promise<void> {
  const unfinished = `${file}.part`;
  await rm(unfinished, { force: true });
  const handle = await open(unfinished, "wx", fileMode);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, file);
  await syncDirectory(dirname(file));
}

/** The folder's manifest, or one sentence on why there is none that can be used. */
export async function readManifest(folder: string): Promise<Manifest | { readonly fault: string }> {
  const file = join(folder, manifestName);
  try {
    if ((await lstat(file)).size > maxManifestBytes)
      return { fault: `${file} has more than ${maxManifestBytes} bytes: that is no manifest` };
    return parseManifest(await readFile(file, "utf8"));
  } catch (error) {
    if (isMissing(error))
      return { fault: `${folder} is no backup: it has no ${manifestName}, which is written last` };
    return { fault: messageOf(error) };
  }
}

/** A backup as it was found, and all that is wrong with it in itself. */
export interface Examined {
  readonly folder: string;
  readonly manifest: Manifest | undefined;
  readonly faults: readonly string[];
}

/** Reads every file of it to its end. Changes nothing; throws only when `signal` aborts. */
export async function examineBackup(folder: string, signal: AbortSignal): Promise<Examined> {
  const manifest = await readManifest(folder);
  if ("fault" in manifest) return { folder, manifest: undefined, faults: [manifest.fault] };
  return { folder, manifest, faults: await examineFiles(folder, manifest, signal) };
}

/** As `examineBackup`, at once however large it is: its manifest is read, and of the files only that each is there with its size. */
export async function surveyBackup(folder: string): Promise<Examined> {
  const manifest = await readManifest(folder);
  if ("fault" in manifest) return { folder, manifest: undefined, faults: [manifest.fault] };
  return { folder, manifest, faults: await faultsOf(folder, manifest, measure) };
}

/** What is wrong with the set that a manifest describes, and with its files. */
export async function examineFiles(
  folder: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return await faultsOf(folder, manifest, async (file) => await find(file, signal));
}

async function faultsOf(
  folder: string,
  manifest: Manifest,
  look: (file: string) => Promise<Found>,
): Promise<readonly string[]> {
  const faults = setFaults(manifest);
  if (faults.length > 0) return faults;
  const { layers, files } = manifest;
  const found = new Map<string, Found>();
  for (const path of [...layers.map(({ file }) => file), ...files.map((file) => file.path)])
    found.set(path, await look(join(folder, path)));
  return fileFaults(manifest, found);
}

/** The folders of backups in a directory, newest first; those without a manifest among them. */
export async function listBackups(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && /^cluster-\d{8}-\d{6}$/.test(entry.name))
    .map(({ name }) => join(directory, name))
    .toSorted()
    .toReversed();
}

async function measure(file: string): Promise<Found> {
  try {
    const stats = await lstat(file);
    // A link may lead to what is not of this backup.
    if (!stats.isFile()) return { kind: "unreadable", why: "it is no regular file" };
    await access(file, constants.R_OK);
    return { kind: "file", bytes: stats.size, sha256: undefined };
  } catch (error) {
    return isMissing(error) ? { kind: "missing" } : { kind: "unreadable", why: messageOf(error) };
  }
}

async function find(file: string, signal: AbortSignal): Promise<Found> {
  const measured = await measure(file);
  if (measured.kind !== "file") return measured;
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { kind: "file", bytes, sha256: hash.digest("hex") };
  } catch (error) {
    signal.throwIfAborted();
    return isMissing(error) ? { kind: "missing" } : { kind: "unreadable", why: messageOf(error) };
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
