// Finds the set in what an operator names: a folder as image builds and releases leave it, or a tar archive of one.

import { execFile } from "node:child_process";
import { mkdir, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type FoundFile, findFile, isInside, resolveFile } from "../asset-file.ts";
import { namesIn } from "./layout.ts";
import { readCommandLine } from "./read-command-line.ts";
import { singleSet } from "./set-names.ts";

export interface SourceFile extends FoundFile {
  /** How an operator knows it: what was named, and the file in it. */
  readonly shown: string;
}

export interface Source {
  readonly kernel: SourceFile;
  readonly kernelName: "bzImage" | "Image";
  readonly initrd: SourceFile;
  /** The architecture in the file names. */
  readonly arch: string | undefined;
  readonly arguments: readonly string[];
}

const archivePattern = /\.(?:tar|tar\.gz|tgz|tar\.zst|tar\.xz)$/;
const unpackTimeoutMs = 30 * 60_000;

/** `unpacked` is where an archive goes; the caller removes it. Throws a sentence that names what is missing or mixed. */
export async function findSource(path: string, unpacked: string): Promise<Source> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) throw new Error(`${path} does not exist or can't be read`);
  if (facts.isDirectory()) return readSource(path, path);
  if (!archivePattern.test(path))
    throw new Error(
      `${path} is neither a folder nor a .tar, .tar.gz, .tar.zst or .tar.xz archive: name the folder that holds bzImage and initrd`,
    );
  if (!facts.isFile()) throw new Error(`${path} is not a regular file: name an archive`);
  await unpack(path, unpacked);
  return readSource(await innerFolder(unpacked), path, unpacked);
}

/** With `within`, nothing outside of that folder is read: who packed an archive need not be who may read this host. */
async function readSource(directory: string, shown: string, within?: string): Promise<Source> {
  const names = singleSet(await namesIn(directory));
  if ("problem" in names) throw new Error(`${shown}: ${names.problem}`);
  const { kernel, initrd, script } = names;
  const allowed = async (path: string) =>
    within === undefined || !("problem" in (await resolveFile(within, path)));
  const line = await readCommandLine(directory, script?.name, allowed);
  if ("problem" in line) throw new Error(`${shown}: ${line.problem}`);
  return {
    kernel: await requireFile(directory, kernel.name, shown, within),
    kernelName: kernel.served,
    initrd: await requireFile(directory, initrd.name, shown, within),
    arch: kernel.arch ?? initrd.arch ?? script?.arch,
    arguments: line.arguments,
  };
}

/** A build's result is a folder of links into the Nix store: they are followed. */
async function requireFile(
  directory: string,
  name: string,
  of: string,
  within: string | undefined,
): Promise<SourceFile> {
  const shown = `${of}: ${name}`;
  const resolved = await realpath(join(directory, name)).catch(() => undefined);
  if (resolved === undefined) throw new Error(`${shown} is a link to nothing or can't be read`);
  if (within !== undefined && !isInside(within, resolved))
    throw new Error(`${shown} is a link out of the archive: pack the file itself`);
  const file = await findFile(resolved);
  if ("problem" in file) throw new Error(`${shown} ${file.problem}`);
  return { ...file, shown };
}

async function unpack(path: string, to: string): Promise<void> {
  await mkdir(to);
  // A colon in the path would name another host.
  const argv = [
    "--extract",
    "--force-local",
    "--no-same-owner",
    "--no-same-permissions",
    "--directory",
    to,
  ];
  try {
    await promisify(execFile)("tar", [...argv, "--file", path], { timeout: unpackTimeoutMs });
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw new Error(`${path} can't be unpacked: ${(stderr || message).trim().split("\n")[0]}`, {
      cause: error,
    });
  }
}

/** An archive often holds one folder with everything in it. */
async function innerFolder(directory: string): Promise<string> {
  const [only, ...others] = await readdir(directory, { withFileTypes: true });
  return only?.isDirectory() === true && others.length === 0
    ? join(directory, only.name)
    : directory;
}
