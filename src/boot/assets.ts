// The files a machine can be given, known before anyone asks: loaders, and per profile a kernel, an initrd and its command line.
// Requests are looked up by exact name in these maps; no path is ever made out of a request.

import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { type FoundFile, isCurrent } from "./asset-file.ts";
import { createExaminer } from "./asset-store/examiner.ts";
import type { Pace } from "./asset-store/image-file.ts";
import { loaderFault } from "./asset-store/loader-format.ts";
import { readPlainFiles } from "./asset-store/plain-files.ts";
import {
  type Loader,
  loaderLabel,
  noLoaders,
  type ReadLoaders,
  readLoaders,
} from "./asset-store/read-loaders.ts";
import {
  type AssetManifest,
  manifestOf,
  noSets,
  readSets,
  setLabel,
  versionKey,
} from "./asset-store/read-manifest.ts";
import type { AssetSet } from "./asset-store/read-set.ts";
import { createSharedReading } from "./shared-reading.ts";

export type { AssetManifest } from "./asset-store/read-manifest.ts";
export type { AssetSet } from "./asset-store/read-set.ts";

/** The manifest in use, and a way to make it anew. */
export interface Assets {
  current(): AssetManifest;
  /** The directory read again, from after this call. Calls that wait for the same reading share it. */
  reload(): Promise<AssetManifest>;
  /** The directory as it was a moment ago: a rack that boots at once asks a thousand times in that. */
  recent(): Promise<AssetManifest>;
  /** The loaders as they were a moment ago: those that are given, and those that are there and are not. */
  loaders(): Promise<ReadLoaders>;
  /** The loader of that name as it was a moment ago. */
  loader(name: string): Promise<Loader | undefined>;
  /** A file of the directory that is neither loader nor image, by its path there a moment ago; none where all must be signed. */
  plainFile(name: string): Promise<FoundFile | undefined>;
  /** Reads every image and loader in full, whatever is remembered of it, then the directory again. */
  verify(pace: Pace, signal: AbortSignal): Promise<AssetManifest>;
  /** For whoever read a file of the manifest and got another content than its sum says: it is not served any more. */
  reportDamage(file: FoundFile): Promise<void>;
}

export interface AssetOptions {
  /** Keeps the sums of images from one start to the next; without it they are read again at every start. */
  readonly memoryFile?: string;
  /** Slows down, or watches, the first reading of images. */
  readonly pace?: Pace;
  /** Only sets and loaders that are signed with it are served. */
  readonly key?: KeyObject | undefined;
  /** How old what was read a moment ago may be; a fifth of a second unless it is said, and two seconds for plain files. */
  readonly recentMs?: number;
}

const defaultRecentMs = 200;
// Any name that nobody knows has the whole directory walked.
const defaultPlainRecentMs = 2_000;

/** Reads `root` and keeps the manifest. Never rejects for what is in the directory: that is in `problems`. */
export async function createAssets(root: string, options: AssetOptions = {}): Promise<Assets> {
  const { key, recentMs = defaultRecentMs } = options;
  const examiner = await createExaminer(options.memoryFile, options.pace);
  let [sets, loaders] = [noSets, noLoaders];
  let manifest = manifestOf(root, loaders, sets);
  let inFull = false;
  const loaderReading = createSharedReading(async () => {
    const how = { key, inFull };
    inFull = false;
    loaders = await readLoaders(root, loaders, how);
    manifest = manifestOf(root, loaders, sets);
    return loaders;
  }, recentMs);
  const reading = createSharedReading(async () => {
    sets = await readSets(root, { examiner, key });
    // Last, as they are read on their own meanwhile.
    await loaderReading.anew();
    return manifest;
  }, recentMs);
  const plainFiles = createSharedReading(
    () => readPlainFiles(root),
    options.recentMs ?? defaultPlainRecentMs,
  );
  await reading.anew();
  return {
    current: () => manifest,
    reload: reading.anew,
    recent: reading.recent,
    loaders: loaderReading.recent,
    loader: async (name) => (await loaderReading.recent()).loaders.get(name),
    plainFile: async (name) => {
      if (key !== undefined) return undefined;
      const file = (await plainFiles.recent()).get(name);
      return file === undefined || (await isCurrent(file))
        ? file
        : (await plainFiles.anew()).get(name);
    },
    verify: async (pace, signal) => {
      await examiner.recheck(pace, signal);
      inFull = true;
      return reading.anew();
    },
    reportDamage: async (file) => {
      examiner.markDamaged(file);
      await reading.anew();
    },
  };
}

/**
 * The set of a profile that `version` names, as long as it is on the disk: a machine in the middle of its boot keeps its
 * set when another one becomes active. Without a version it is the active one.
 */
export function findSet(
  manifest: AssetManifest,
  profile: string,
  version?: string,
): AssetSet | undefined {
  return version === undefined
    ? manifest.sets.get(profile)
    : manifest.versions.get(versionKey(profile, version));
}

export interface NeededAssets {
  readonly profiles: readonly string[];
  readonly loaders: readonly string[];
}

/**
 * What is missing for these profiles and loaders, each with where to put it, after what the manifest found wrong: with all
 * of it, or only with what stands in the way of these profiles and loaders.
 */
export function assetProblems(
  manifest: AssetManifest,
  needed: NeededAssets,
  scope: "all" | "needed" = "all",
): string[] {
  const { root, sets, loaders, problems } = manifest;
  const isNamed = (label: string) => problems.some((text) => text.startsWith(`${label}:`));
  const missingLoaders = needed.loaders
    .filter((name) => !loaders.has(name) && !isNamed(loaderLabel(name)))
    .map(
      (name) =>
        `${loaderLabel(name)} is missing: install it with rackstrap assets loaders, or copy it to ${join(root, name)}`,
    );
  const missingSets = needed.profiles
    .filter((name) => !sets.has(name) && !isNamed(setLabel(name)))
    .map(
      (name) =>
        `${setLabel(name)} is missing: import its image with rackstrap assets import, or put bzImage, initrd and netboot.ipxe in ${join(root, "nixos", name)}`,
    );
  const shown = scope === "all" ? problems : problems.filter((text) => concerns(text, needed));
  return [...shown, ...missingLoaders, ...missingSets];
}

/** The loaders that are whole, and not what their names say: they are given all the same, as their owner may know better. */
export function loaderFaults({ root, loaders }: AssetManifest): string[] {
  return [...loaders].flatMap(([name, { data }]) => {
    const fault = loaderFault(name, data);
    return fault === undefined
      ? []
      : [`${loaderLabel(name)}: ${join(root, name)} ${fault}: install the right one`];
  });
}

/** A damaged set of another profile keeps nobody from being installed. */
function concerns(problem: string, { profiles, loaders }: NeededAssets): boolean {
  const labels = [...profiles.map(setLabel), ...loaders.map(loaderLabel)];
  const ofOne = problem.startsWith(setLabel("")) || problem.startsWith(loaderLabel(""));
  return !ofOne || labels.some((label) => problem.startsWith(`${label}:`));
}
