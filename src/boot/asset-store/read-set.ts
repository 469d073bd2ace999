// One asset set as it lies on the disk: a set of the store with its set.json, or a folder that somebody filled by hand.

import type { KeyObject } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { type AssetFile, readSmallFile, resolveFile } from "../asset-file.ts";
import type { Examiner } from "./examiner.ts";
import type { ImageKind } from "./image-file.ts";
import { namesIn } from "./layout.ts";
import { readCommandLine } from "./read-command-line.ts";
import { parseSetFile, type SetFile, setFileName, setVersion } from "./set-file.ts";
import { singleSet } from "./set-names.ts";
import { signatureFault } from "./signature.ts";

/** Kernel, initrd and command line that were built together. */
export interface AssetSet {
  readonly profile: string;
  /** The name it is served by: `bzImage`, or `Image` on aarch64. */
  readonly kernelName: "bzImage" | "Image";
  readonly kernel: AssetFile;
  readonly initrd: AssetFile;
  /** Kernel arguments, `init=` first, without `initrd=`. */
  readonly arguments: readonly string[];
  /** Names this very set of files; a script carries it so that a machine never mixes two sets. */
  readonly version: string;
}

export type ReadSet =
  | { readonly set: AssetSet }
  /** `damaged`: a file is there and is not what it should be. */
  | { readonly problem: string; readonly damaged: boolean };

export interface Reading {
  /** The asset directory with all links resolved. */
  readonly base: string;
  readonly examiner: Examiner;
  /** Only what is signed with it is believed. */
  readonly key: KeyObject | undefined;
}

const importAgain = "import its image again";

/** A set of the store: its files must be what its set.json says. */
export async function readStoredSet(
  reading: Reading,
  directory: string,
): Promise<ReadSet & { readonly described?: SetFile }> {
  const path = join(directory, setFileName);
  const file = await resolveFile(reading.base, path);
  if ("problem" in file) return damaged(`${path} ${file.problem}: ${importAgain}`);
  const text = (await readSmallFile(file.path).catch(() => undefined))?.toString();
  if (text === undefined) return damaged(`${path} can't be read: ${importAgain}`);
  const unsigned = await signatureFault(path, text, reading.key);
  if (unsigned !== undefined) return unsigned;
  const described = parseSetFile(text);
  if ("problem" in described) return damaged(`${directory}: ${described.problem}: ${importAgain}`);
  if (described.id !== basename(directory) || described.profile !== basename(dirname(directory)))
    return damaged(
      `${directory} has the ${setFileName} of ${described.profile}/${described.id}: ${importAgain}`,
    );
  const { profile, kernelName, arguments: kernelArguments, id: version } = described;
  const kernel = await readImage(reading, directory, kernelName, "kernel", described.kernel);
  if ("problem" in kernel) return { ...kernel, described };
  const initrd = await readImage(reading, directory, "initrd", "initrd", described.initrd);
  if ("problem" in initrd) return { ...initrd, described };
  const set = { profile, kernelName, kernel, initrd, arguments: kernelArguments, version };
  return { set, described };
}

/** A folder with a kernel, an initrd and a command line by the names that image builds give them. */
export async function readFolder(
  reading: Reading,
  directory: string,
  profile: string,
): Promise<ReadSet> {
  if (reading.key !== undefined)
    return {
      problem: `${directory} was filled by hand, and server.assetKey asks for signed sets: import it, and sign its ${setFileName}`,
      damaged: false,
    };
  const entries = await namesIn(directory);
  const names = singleSet(entries);
  if ("problem" in names)
    return {
      problem: `${directory}: ${names.problem}`,
      // A folder that somebody is about to fill is no damage.
      damaged: entries.length > 0,
    };
  const kernel = await readImage(reading, directory, names.kernel.name, "kernel");
  if ("problem" in kernel) return kernel;
  const initrd = await readImage(reading, directory, names.initrd.name, "initrd");
  if ("problem" in initrd) return initrd;
  const allowed = async (path: string) => !("problem" in (await resolveFile(reading.base, path)));
  const line = await readCommandLine(directory, names.script?.name, allowed);
  if ("problem" in line) return damaged(`${directory}: ${line.problem}`);
  const content = { kernel, initrd, arguments: line.arguments };
  const { served: kernelName } = names.kernel;
  return { set: { profile, kernelName, ...content, version: setVersion(content) } };
}

async function readImage(
  { base, examiner }: Reading,
  directory: string,
  name: string,
  kind: ImageKind,
  expected?: SetFile["kernel"],
): Promise<AssetFile | { readonly problem: string; readonly damaged: boolean }> {
  const path = join(directory, name);
  const file = await resolveFile(base, path);
  const hint = expected === undefined ? "copy it there again" : importAgain;
  if ("problem" in file) return damaged(`${path} ${file.problem}: ${hint}`);
  if (expected !== undefined && file.sizeBytes !== expected.sizeBytes)
    return damaged(`${path} has ${file.sizeBytes} of ${expected.sizeBytes} octets: ${hint}`);
  const { sha256, fault } = await examiner.examine(file, kind);
  if (fault !== undefined) return damaged(`${path} ${fault}: ${hint}`);
  if (expected !== undefined && sha256 !== expected.sha256)
    return damaged(`${path} is damaged: its SHA-256 is not the one in ${setFileName}: ${hint}`);
  return { ...file, sha256 };
}

function damaged(problem: string): { readonly problem: string; readonly damaged: true } {
  return { problem, damaged: true };
}
