// What is in the store, as set.json has it; nothing is checked here.

import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { readSmallFile } from "../asset-file.ts";
import { previousOf, readHistory } from "./history.ts";
import {
  activeId,
  activePath,
  isDirectory,
  namesIn,
  setPath,
  storedIdOf,
  storedIds,
} from "./layout.ts";
import { parseSetFile, type SetFile, setFileName } from "./set-file.ts";

export interface StoredSet {
  readonly profile: string;
  readonly id: string;
  readonly state: "active" | "previous" | "inactive";
  /** When it was imported, or last chosen to become active; milliseconds since the epoch. */
  readonly neededMs: number;
  /** Undefined when set.json is missing or can't be understood. */
  readonly described: SetFile | undefined;
}

export interface StoreList {
  readonly sets: readonly StoredSet[];
  /** Profiles whose active set is a folder that was filled by hand. */
  readonly folders: readonly string[];
}

export async function listStore(root: string): Promise<StoreList> {
  const sets: StoredSet[] = [];
  const given = await Promise.all(
    (await namesIn(join(root, "nixos"))).map((name) => givenPath(root, name)),
  );
  for (const profile of await namesIn(join(root, "sets"))) {
    const ids = await storedIds(root, profile);
    const active = await activeId(root, profile);
    const previous = previousOf(await readHistory(root, profile), active, ids);
    for (const id of ids) {
      // A profile may be given the set of another one: that is in use, too.
      const path = await realpath(setPath(root, profile, id)).catch(() => undefined);
      const facts = path === undefined ? undefined : await stat(path).catch(() => undefined);
      // Another process has removed it a moment ago.
      if (path === undefined || facts === undefined) continue;
      const used = given.includes(path);
      const state = used ? "active" : id === previous ? "previous" : "inactive";
      const described = await describe(path);
      sets.push({ profile, id, state, neededMs: facts.mtimeMs, described });
    }
  }
  const folders: string[] = [];
  for (const profile of await namesIn(join(root, "nixos")))
    if (await isFolder(root, profile)) folders.push(profile);
  return { sets, folders };
}

async function describe(directory: string): Promise<SetFile | undefined> {
  const text = await readSmallFile(join(directory, setFileName)).catch(() => undefined);
  const parsed = text === undefined ? undefined : parseSetFile(text.toString());
  return parsed === undefined || "problem" in parsed ? undefined : parsed;
}

/** Where `nixos/PROFILE` leads to. */
function givenPath(root: string, profile: string): Promise<string | undefined> {
  return realpath(activePath(root, profile)).catch(() => undefined);
}

async function isFolder(root: string, profile: string): Promise<boolean> {
  const directory = await givenPath(root, profile);
  if (directory === undefined || !(await isDirectory(directory))) return false;
  return storedIdOf(await realpath(root), directory) === undefined;
}
