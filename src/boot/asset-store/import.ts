// Brings an image into the store: finds the set, copies it, checks the copy, and publishes it under one name.
// Until then it lies in a hidden folder, which nobody serves and which gc removes after a crash.

import { chmod, mkdir, open, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../net/sync-directory.ts";
import { findFile } from "../asset-file.ts";
import { createExaminer } from "./examiner.ts";
import { hashFile, kernelFault, readKernelFile, withFile } from "./image-file.ts";
import { checkInitrd } from "./initrd.ts";
import { failedWith, noteNeed, setPath, setsPath, unfinishedName } from "./layout.ts";
import { readStoredSet } from "./read-set.ts";
import { buildIdOf, formatSetFile, type SetFile, setFileName, setVersion } from "./set-file.ts";
import { findSource, type Source, type SourceFile } from "./source.ts";

export interface Progress {
  readonly file: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ImportRequest {
  /** The asset directory. */
  readonly root: string;
  /** A folder with the image, or a tar archive of one. */
  readonly path: string;
  readonly profile: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly onProgress: (progress: Progress) => void;
}

export interface Imported {
  readonly set: SetFile;
  /** `present`: this very set was there already; `replaced`: it was there and was damaged. */
  readonly outcome: "imported" | "present" | "replaced";
}

/** Throws one sentence that names the file when the image is not a whole set. The store is then as it was. */
export async function importSet(request: ImportRequest): Promise<Imported> {
  const root = await prepareStore(request);
  const unfinished = join(setsPath(root, request.profile), unfinishedName("import"));
  await mkdir(unfinished);
  try {
    const source = await findSource(request.path, join(unfinished, "source"));
    const set = await copySet(request, source, unfinished);
    await rm(join(unfinished, "source"), { recursive: true, force: true });
    const outcome = await publish(root, set, { unfinished, nowMs: request.nowMs });
    return { set, outcome };
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** Makes the folders of the store; the asset directory with all links resolved. */
async function prepareStore({ root, profile }: ImportRequest): Promise<string> {
  await mkdir(setsPath(root, profile), { recursive: true });
  await syncDirectory(join(root, "sets"));
  await syncDirectory(root);
  return realpath(root);
}

async function copySet(request: ImportRequest, source: Source, to: string): Promise<SetFile> {
  const facts = await kernelOf(source);
  const { kernelName, arguments: kernelArguments } = source;
  const kernel = await copy(request, source.kernel, join(to, kernelName));
  const initrd = await copy(request, source.initrd, join(to, "initrd"));
  await requireWholeInitrd(source.initrd, join(to, "initrd"));
  const content = { kernel, initrd, arguments: kernelArguments };
  const set: SetFile = {
    format: 1,
    profile: request.profile,
    id: setVersion(content),
    arch: facts.arch,
    kernelName,
    ...(facts.version !== undefined && { kernelVersion: facts.version }),
    buildId: buildIdOf(kernelArguments),
    importedAt: new Date(request.nowMs).toISOString(),
    ...content,
  };
  await writeFile(join(to, setFileName), formatSetFile(set), { mode: 0o444, flush: true });
  await chmod(to, 0o755);
  await syncDirectory(to);
  return set;
}

async function kernelOf({ kernel: file, kernelName, arch }: Source) {
  const kernel = await readKernelFile(file);
  if (kernel === undefined)
    throw new Error(
      `${file.shown} is no kernel that network boot can start: expected a 64-bit x86 bzImage or an arm64 Image`,
    );
  const fault = kernelFault(file, kernel);
  if (fault !== undefined) throw new Error(`${file.shown} ${fault}`);
  const named = arch ?? (kernelName === "Image" ? "aarch64" : "x86_64");
  if (named !== kernel.arch)
    throw new Error(`${file.shown} is for ${kernel.arch}, and its name says ${named}`);
  return kernel;
}

async function requireWholeInitrd(source: SourceFile, path: string): Promise<void> {
  const file = await findFile(path);
  if ("problem" in file) throw new Error(`${path} ${file.problem}`);
  const check = await withFile(file, (handle) => checkInitrd({ ...file, handle }, true));
  if (check.kind === "damaged") throw new Error(`${source.shown} ${check.why}`);
  if (check.kind === "unknown")
    throw new Error(
      `${source.shown} is no initial RAM disk that can be checked: expected cpio, gzip, zstd or xz, found ${check.what}`,
    );
}

/** Copies a file and syncs the copy. Throws when the source changes meanwhile. */
async function copy(
  { onProgress }: ImportRequest,
  from: SourceFile,
  to: string,
): Promise<SetFile["kernel"]> {
  const output = await open(to, "wx", 0o444);
  let doneBytes = 0;
  try {
    const sha256 = await withFile(from, (input) =>
      hashFile(input, async (piece) => {
        await output.writeFile(piece);
        doneBytes += piece.length;
        onProgress({ file: from.shown, doneBytes, totalBytes: from.sizeBytes });
      }),
    );
    await output.sync();
    return { sizeBytes: doneBytes, sha256 };
  } finally {
    await output.close();
  }
}

// Each round but the first is for another process that had the place in between.
const publishRounds = 5;

/** Gives the finished folder its name. A whole set that has the name already stays; a damaged one makes room. */
async function publish(
  root: string,
  set: SetFile,
  { unfinished, nowMs }: { readonly unfinished: string; readonly nowMs: number },
): Promise<Imported["outcome"]> {
  const path = setPath(root, set.profile, set.id);
  const damaged = join(setsPath(root, set.profile), unfinishedName("removed"));
  await noteNeed(unfinished, nowMs);
  for (let round = 1; round <= publishRounds; round++) {
    if (await renameIfFree(unfinished, path)) {
      await syncDirectory(setsPath(root, set.profile));
      await rm(damaged, { recursive: true, force: true });
      return round === 1 ? "imported" : "replaced";
    }
    if (await isWhole(root, path, nowMs)) return "present";
    await rm(damaged, { recursive: true, force: true });
    await rename(path, damaged).catch(passOver("ENOENT"));
  }
  throw new Error(`${path} is taken by other imports each time: import again when they are done`);
}

async function renameIfFree(from: string, to: string): Promise<boolean> {
  const taken = await rename(from, to).then(
    () => false,
    passOver("ENOTEMPTY", "EEXIST", "ENOTDIR"),
  );
  return taken === false;
}

/** Whether a set lies there and is what it says. It is noted as needed first, so that gc does not take it meanwhile. */
async function isWhole(root: string, path: string, nowMs: number): Promise<boolean> {
  await noteNeed(path, nowMs).catch(passOver("ENOENT"));
  const reading = { base: root, examiner: await createExaminer(), key: undefined };
  return "set" in (await readStoredSet(reading, path));
}

/** For a failure that is expected: `true` for these codes; others are thrown on. */
function passOver(...codes: readonly string[]): (error: unknown) => true {
  return (error) => {
    if (failedWith(error, ...codes)) return true;
    throw error;
  };
}
