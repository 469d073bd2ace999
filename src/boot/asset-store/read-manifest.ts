// Reads an asset directory into the maps that requests are looked up in.

import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { isInside } from "../asset-file.ts";
import { activePath, isDirectory, namesIn, setPath, storedIdOf, storedIds } from "./layout.ts";
import type { Loader, ReadLoaders } from "./read-loaders.ts";
import {
  type AssetSet,
  type Reading,
  type ReadSet,
  readFolder,
  readStoredSet,
} from "./read-set.ts";

export interface AssetManifest extends ReadSets {
  readonly root: string;
  readonly loaders: ReadonlyMap<string, Loader>;
}

export interface ReadSets {
  /** What machines of a profile are given when they ask now. */
  readonly sets: ReadonlyMap<string, AssetSet>;
  /** Every usable set that is on the disk, active or not, by `PROFILE/VERSION`. */
  readonly versions: ReadonlyMap<string, AssetSet>;
  /** Sentences on what is in the directory and cannot be used. */
  readonly problems: readonly string[];
  /** Of the problems, those with files that are there and are not what they should be. */
  readonly damaged: readonly string[];
}

export const noSets: ReadSets = {
  ...{ sets: new Map(), versions: new Map() },
  ...{ problems: [], damaged: [] },
};

/** What was read of loaders and of sets, as one. */
export function manifestOf(root: string, ofLoaders: ReadLoaders, ofSets: ReadSets): AssetManifest {
  return {
    ...ofSets,
    ...{ root, loaders: ofLoaders.loaders },
    problems: [...ofLoaders.problems, ...ofSets.problems],
    damaged: [...ofLoaders.damaged, ...ofSets.damaged],
  };
}

/** The sets of an asset directory. Never rejects for what is in the directory; one that is not there has none. */
export async function readSets(
  root: string,
  { examiner, key }: Omit<Reading, "base">,
): Promise<ReadSets> {
  const base = await realpath(root).catch(() => undefined);
  if (base === undefined) return noSets;
  const reading = { base, examiner, key };
  const active = await readActiveSets(reading);
  const all = [...active, ...(await readOtherSets(reading, active))];
  await examiner.keep();
  const problems = all.flatMap(({ label, read }) =>
    "problem" in read ? [{ text: `${label}: ${read.problem}`, damaged: read.damaged }] : [],
  );
  return {
    sets: new Map(
      active.flatMap(({ profile, read }) => ("set" in read ? [[profile, read.set] as const] : [])),
    ),
    versions: new Map(
      all.flatMap(({ profile, read }) =>
        "set" in read ? [[versionKey(profile, read.set.version), read.set] as const] : [],
      ),
    ),
    problems: problems.map(({ text }) => text),
    damaged: problems.filter(({ damaged }) => damaged).map(({ text }) => text),
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
    return {
      problem: `nixos/${profile} is a link to nothing: choose a set with rackstrap assets activate`,
      damaged: true,
    };
  if (!isInside(reading.base, directory))
    return {
      problem: `nixos/${profile} leads out of the asset directory: import what it leads to`,
      damaged: false,
    };
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
