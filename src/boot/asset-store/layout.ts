// Where things lie below the asset directory. Names that begin with a dot are unfinished or on their way out: nobody reads them.
//
//   nixos/PROFILE          what machines of the profile are given: a link to a set of the store, or a folder filled by hand
//   sets/PROFILE/ID/       an imported set: kernel, initrd, set.json; never changed
//   sets/PROFILE/history.json   what was active, and since when
//   loaders.json           where the loaders beside it came from

import { randomBytes } from "node:crypto";
import { readdir, realpath, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { idPattern } from "./set-file.ts";

export const activePath = (root: string, profile: string): string => join(root, "nixos", profile);
export const setsPath = (root: string, profile: string): string => join(root, "sets", profile);
export const setPath = (root: string, profile: string, id: string): string =>
  join(root, "sets", profile, id);

/** A hidden name for what `purpose` works on in a folder of the store. It names the process, for gc. */
export function unfinishedName(purpose: "import" | "removed"): string {
  return `.${purpose}-${process.pid}-${randomBytes(6).toString("hex")}`;
}

/**
 * Notes in the time of a set's folder that the set is needed from now on. Whoever is about to publish or activate one does this
 * first; gc looks at it again after it has moved a set out of the way, and puts back what was needed meanwhile. So neither
 * waits for the other. Rejects with ENOENT when the set is not there. Only a folder's owner can set its time; for others who may
 * write it is as it was.
 */
export async function noteNeed(path: string, nowMs: number): Promise<void> {
  await utimes(path, nowMs / 1000, nowMs / 1000).catch((error: unknown) => {
    if (!failedWith(error, "EPERM")) throw error;
  });
}

/** Whether an operation on files failed with one of these codes, such as ENOENT. */
export function failedWith(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? "");
}

/** The visible names in a folder, sorted; none when it can't be read. */
export async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => !name.startsWith(".")).sort();
}

/** The ids in the store of a profile. */
export async function storedIds(root: string, profile: string): Promise<string[]> {
  return (await namesIn(setsPath(root, profile))).filter((name) => idPattern.test(name));
}

/** The id of the set that a folder of the store holds; undefined for any other folder. `base` and `directory` without links. */
export function storedIdOf(base: string, directory: string): string | undefined {
  const id = basename(directory);
  const inStore = dirname(dirname(directory)) === join(base, "sets") && idPattern.test(id);
  return inStore ? id : undefined;
}

/** The id of the profile's active set; undefined when that is a folder filled by hand, or nothing. */
export async function activeId(root: string, profile: string): Promise<string | undefined> {
  const base = await realpath(root).catch(() => undefined);
  const directory = await realpath(activePath(root, profile)).catch(() => undefined);
  return base === undefined || directory === undefined ? undefined : storedIdOf(base, directory);
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}
