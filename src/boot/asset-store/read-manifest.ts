// Reads an asset directory into the maps that requests are looked up in.

import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { isInside } from "../asset-file.ts";
import { activePath, isDirectory, namesIn, setPath, storedIdOf, storedIds } from "./layout.ts";
import { type Loader, readLoaders } from "./read-loaders.ts";
import {
  type AssetSet,
  type Reading,
  type ReadSet,
  readFolder,
  readStoredSet,
} from "./read-set.ts";

export interface AssetManifest {
  readonly root: string;
  readonly loaders: ReadonlyMap<string, Loader>;
  /** What machines of a profile are given when they ask now. */
  readonly sets: ReadonlyMap<string, AssetSet>;
  /** Every usable set that is on the disk, active or not, by `PROFILE/VERSION`. */
  readonly versions: ReadonlyMap<string, AssetSet>;
  /** Sentences on what is in the directory and cannot be used. */
  readonly problems: readonly string[];
  /** Of the problems, those with files that are there and are not what they should be. */
  readonly damaged: readonly string[];
}

/** Never rejects for what is in the directory. `known` are the loaders of the last reading. */
export async function readManifest(
  root: string,
  { examiner, key }: Omit<Reading, "base">,
  known: AssetManifest["loaders"] = new Map(),
): Promise<AssetManifest> {
  const base = await realpath(root).catch(() => undefined);
  if (base === undefined) {
    const problems = [`the asset directory ${root} does not exist or cannot be read`];
    const none = { loaders: new Map(), sets: new Map(), versions: new Map() };
    return { root, ...none, problems, damaged: [] };
  }
  const reading = { base, examiner, key };
  const { loaders, ...ofLoaders } = await readLoaders(base, known, key);
  const active = await readActiveSets(reading);
  const others = await readOtherSets(reading, active);
  await examiner.keep();
  const all = [...active, ...others];
  const sets = active.flatMap(({ profile, read }) =>
    "set" in read ? [[profile, read.set] as const] : [],
  );
  const versions = all.flatMap(({ profile, read }) =>
    "set" in read ? [[versionKey(profile, read.set.version), read.set] as const] : [],
  );
  const problems = all.flatMap(({ label, read }) =>
    "problem" in read ? [{ text: `${label}: ${read.problem}`, damaged: read.damaged }] : [],
  );
  return {
    ...{ root, loaders, sets: new Map(sets), versions: new Map(versions) },
    problems: [...ofLoaders.problems, ...problems.map(({ text }) => text)],
    damaged: [
      ...ofLoaders.damaged,
      ...problems.filter(({ damaged }) => damaged).map(({ text }) => text),
    ],
  };
}

/** The name of a profile's set in problems. */
export function setLabel(profile: string): string {
  return `asset set ${profile}`;
}

export function versionKey(profile: string, version: string): string {
  return `${profile}/${version}`;
}

interface Found {
  readonly label: string;
  readonly profile: string;
  /** Without links; undefined for a link to nothing. */
  readonly directory: string | undefined;
  readonly read: ReadSet;
}

/** What `nixos/PROFILE` leads to, for each name there; plain files are passed over. */
async function readActiveSets(reading: Reading): Promise<Found[]> {
  const { base } = reading;
  const found: Found[] = [];
  for (const profile of await namesIn(join(base, "nixos"))) {
    const directory = await realpath(activePath(base, profile)).catch(() => undefined);
    const inside = directory !== undefined && isInside(base, directory);
    if (inside && !(await isDirectory(directory))) continue;
    const read = await readActive(reading, directory, profile);
    found.push({ label: setLabel(profile), profile, directory, read });
  }
  return found;
}

async function readActive(
  reading: Reading,
  directory: string | undefined,
  profile: string,
): Promise<ReadSet> {
  if (directory === undefined)
    return { problem: `nixos/${profile} is a link to nothing`, damaged: false };
  if (!isInside(reading.base, directory))
    return { problem: `nixos/${profile} leads out of the asset directory`, damaged: false };
  if (storedIdOf(reading.base, directory) === undefined)
    return readFolder(reading, directory, profile);
  const read = await readStoredSet(reading, directory);
  // A profile may be given the set of another one.
  return "set" in read ? { set: { ...read.set, profile } } : read;
}

/** The sets of the store that are not active: machines in the middle of a boot may still ask for them. */
async function readOtherSets(reading: Reading, active: readonly Found[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const profile of await namesIn(join(reading.base, "sets")))
    for (const id of await storedIds(reading.base, profile)) {
      const directory = setPath(reading.base, profile, id);
      if (active.some((one) => one.profile === profile && one.directory === directory)) continue;
      const read = await readStoredSet(reading, directory);
      found.push({ label: `${setLabel(profile)} (version ${id})`, profile, directory, read });
    }
  return found;
}
