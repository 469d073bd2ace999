// The files a machine can be given, known before anyone asks: loaders, and per profile a kernel, an initrd and its command line.
// Requests are looked up by exact name in these maps; no path is ever made out of a request.

import { createHash } from "node:crypto";
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { type AssetFile, isInside, resolveFile } from "./asset-file.ts";
import { type CommandLine, commandLine } from "./command-line.ts";

/** A loader such as ipxe.efi. Small, so kept in memory: a transfer cannot see it change. */
interface Loader {
  readonly data: Buffer;
  readonly identity: string;
}

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

export interface AssetManifest {
  readonly root: string;
  readonly loaders: ReadonlyMap<string, Loader>;
  readonly sets: ReadonlyMap<string, AssetSet>;
  /** Sentences on what is in the directory and cannot be used. */
  readonly problems: readonly string[];
}

/** The manifest in use, and a way to make it anew. */
export interface Assets {
  current(): AssetManifest;
  /** Reads the directory again. Calls that overlap share one reading. */
  reload(): Promise<AssetManifest>;
}

const loaderName = /^[A-Za-z0-9][A-Za-z0-9._-]*\.(?:efi|kpxe|kkpxe|pxe|0|c32|signed)$/;
const maxLoaderBytes = 16 * 1024 * 1024;
const maxTextBytes = 64 * 1024;

/** Reads `root` and keeps the manifest. Never rejects for what is in the directory: that is in `problems`. */
export async function createAssets(root: string): Promise<Assets> {
  let manifest = await readAssets(root);
  let reading: Promise<AssetManifest> | undefined;
  return {
    current: () => manifest,
    reload: () => {
      reading ??= readAssets(root)
        .then((read) => {
          manifest = read;
          return read;
        })
        .finally(() => {
          reading = undefined;
        });
      return reading;
    },
  };
}

/** What is missing for these profiles and loaders, each with where to put it; the manifest's own problems first. */
export function assetProblems(
  manifest: AssetManifest,
  needed: { readonly profiles: readonly string[]; readonly loaders: readonly string[] },
): string[] {
  const { root, sets, loaders, problems } = manifest;
  const missingLoaders = needed.loaders
    .filter((name) => !loaders.has(name))
    .map((name) => `loader ${name} is missing: copy it to ${join(root, name)}`);
  const missingSets = needed.profiles
    .filter((name) => !sets.has(name) && !problems.some((text) => text.startsWith(setLabel(name))))
    .map(
      (name) =>
        `${setLabel(name)} is missing: put bzImage, initrd and netboot.ipxe of its image in ${join(root, "nixos", name)}`,
    );
  return [...problems, ...missingLoaders, ...missingSets];
}

async function readAssets(root: string): Promise<AssetManifest> {
  const problems: string[] = [];
  const loaders = new Map<string, Loader>();
  const sets = new Map<string, AssetSet>();
  const base = await realpath(root).catch(() => undefined);
  if (base === undefined) {
    problems.push(`the asset directory ${root} does not exist or cannot be read`);
    return { root, loaders, sets, problems };
  }
  for (const name of (await names(base)).filter((entry) => loaderName.test(entry))) {
    const file = await resolveFile(base, join(base, name));
    if ("problem" in file) problems.push(`loader ${name}: ${file.problem}`);
    else if (file.sizeBytes > maxLoaderBytes)
      problems.push(`loader ${name}: ${file.sizeBytes} bytes is too large for a loader`);
    else {
      const data = await readFile(file.path).catch(() => undefined);
      if (data === undefined) problems.push(`loader ${name}: cannot be read`);
      else loaders.set(name, { data, identity: file.identity });
    }
  }
  for (const profile of await names(join(base, "nixos"))) {
    const directory = await realpath(join(base, "nixos", profile)).catch(() => undefined);
    if (directory === undefined || !isInside(base, directory)) {
      problems.push(`${setLabel(profile)}: nixos/${profile} leads out of the asset directory`);
      continue;
    }
    if (!(await isDirectory(directory))) continue;
    const set = await readSet(base, directory, profile);
    if ("problem" in set) problems.push(`${setLabel(profile)}: ${set.problem}`);
    else sets.set(profile, set);
  }
  return { root, loaders, sets, problems };
}

async function readSet(
  base: string,
  directory: string,
  profile: string,
): Promise<AssetSet | { readonly problem: string }> {
  const entries = await names(directory);
  // Released images carry their system in the name: bzImage-x86_64-linux. The plain name wins.
  const pick = (name: string) =>
    [name, ...entries.filter((entry) => new RegExp(`^${name}-[a-z0-9_]+-linux$`).test(entry))].find(
      (entry) => entries.includes(entry),
    );
  const kernelName =
    pick("bzImage") === undefined && pick("Image") !== undefined ? "Image" : "bzImage";
  const kernel = await resolveFile(base, join(directory, pick(kernelName) ?? kernelName));
  if ("problem" in kernel) return { problem: `${kernelName} ${kernel.problem}` };
  const initrd = await resolveFile(base, join(directory, pick("initrd") ?? "initrd"));
  if ("problem" in initrd) return { problem: `initrd ${initrd.problem}` };
  const line = await readCommandLine(base, directory, entries);
  if ("problem" in line) return line;
  const version = createHash("sha256")
    .update([kernel.identity, initrd.identity, ...line.arguments].join("\n"))
    .digest("hex")
    .slice(0, 16);
  return { profile, kernelName, kernel, initrd, arguments: line.arguments, version };
}

async function readCommandLine(
  base: string,
  directory: string,
  entries: readonly string[],
): Promise<CommandLine> {
  const script =
    entries.find((entry) => entry === "netboot.ipxe") ??
    entries.find((entry) => /^netboot-[a-z0-9_]+-linux\.ipxe$/.test(entry));
  const text = async (name: string | undefined) => {
    if (name === undefined || !entries.includes(name)) return undefined;
    const file = await resolveFile(base, join(directory, name));
    if ("problem" in file || file.sizeBytes > maxTextBytes) return undefined;
    return readFile(file.path, "utf8").catch(() => undefined);
  };
  return commandLine({
    netbootIpxe: await text(script),
    kernelParams: await text("kernel-params"),
    // Points into a Nix store that this host need not have, so the link is read and not followed.
    init: (await readlink(join(directory, "init")).catch(() => undefined)) ?? (await text("init")),
    cmdline: await text("cmdline"),
  });
}

async function names(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(() => [])).sort();
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

function setLabel(profile: string): string {
  return `asset set ${profile}`;
}
