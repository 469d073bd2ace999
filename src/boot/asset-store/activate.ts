// Chooses which set machines of a profile are given: one rename of a link, so that a machine sees the old set or the new one.

import type { KeyObject } from "node:crypto";
import { lstat, mkdir, realpath, rename } from "node:fs/promises";
import { join } from "node:path";
import { isInside } from "../asset-file.ts";
import { linkDurably } from "./durable.ts";
import { createExaminer } from "./examiner.ts";
import { noteActivation, previousOf, readHistory } from "./history.ts";
import { importSet, type Progress } from "./import.ts";
import {
  activeId,
  activePath,
  failedWith,
  isDirectory,
  noteNeed,
  setPath,
  setsPath,
  storedIdOf,
  storedIds,
  unfinishedName,
} from "./layout.ts";
import { readStoredSet } from "./read-set.ts";

export interface ActivateRequest {
  readonly root: string;
  readonly profile: string;
  readonly nowMs: number;
  readonly onProgress: (progress: Progress) => void;
  /** Only a set that is signed with it becomes active. */
  readonly key?: KeyObject | undefined;
}

export interface Activated {
  readonly id: string;
  /** What was active before; the same as `id` when nothing changed. */
  readonly before: string | undefined;
}

/**
 * Makes a set of the store active. Throws a sentence when it does not exist or is damaged. A folder filled by hand in its
 * place is imported first, so that machines that are booting it keep it, and is then out of use.
 */
export async function activateSet(request: ActivateRequest, id: string): Promise<Activated> {
  const { profile, nowMs } = request;
  const root = await realpath(request.root);
  await requireWhole(request, root, id);
  // A history that can't be understood is said before anything is changed.
  await readHistory(root, profile);
  await mkdir(join(root, "nixos"), { recursive: true });
  const folder = await handFilledFolder(root, profile);
  const before = folder ? await adopt(request, root, folder) : await activeId(root, profile);
  if (folder === undefined && before === id) return { id, before };
  await linkDurably(join("..", "sets", profile, id), activePath(root, profile));
  await noteActivation(root, profile, { from: before, to: id }, nowMs);
  return { id, before };
}

/** Makes the set active that was active before. Throws a sentence when there is none. */
export async function rollBack(request: ActivateRequest): Promise<Activated> {
  const { root, profile } = request;
  const active = await activeId(root, profile);
  const history = await readHistory(root, profile);
  const previous = previousOf(history, active, await storedIds(root, profile));
  if (previous === undefined)
    throw new Error(
      `profile ${profile} has no earlier set to go back to: rackstrap assets list shows what there is`,
    );
  return activateSet(request, previous);
}

/** The id that `text` is the beginning of. Throws a sentence when it is that of none or of several. */
export async function findId(root: string, profile: string, text: string): Promise<string> {
  const ids = await storedIds(root, profile);
  const [found, ...others] = ids.filter((id) => id.startsWith(text));
  if (found !== undefined && others.length === 0) return found;
  throw new Error(
    found === undefined
      ? `profile ${profile} has no set ${text}: it has ${ids.join(", ") || "none"}`
      : `profile ${profile} has several sets that begin with ${text}: ${[found, ...others].join(", ")}`,
  );
}

async function requireWhole(
  { profile, key, nowMs }: ActivateRequest,
  root: string,
  id: string,
): Promise<void> {
  const path = setPath(root, profile, id);
  await noteNeed(path, nowMs).catch((cause: unknown) => {
    throw failedWith(cause, "ENOENT")
      ? new Error(`set ${id} of profile ${profile} is not in the store: import its image`, {
          cause,
        })
      : cause;
  });
  const read = await readStoredSet({ base: root, examiner: await createExaminer(), key }, path);
  if ("problem" in read) throw new Error(`set ${id} of profile ${profile}: ${read.problem}`);
}

/** The folder that `nixos/PROFILE` is, or leads to, when it is no set of the store and machines are given it. */
async function handFilledFolder(root: string, profile: string): Promise<string | undefined> {
  const folder = await realpath(activePath(root, profile)).catch(() => undefined);
  const given = folder !== undefined && isInside(root, folder) && (await isDirectory(folder));
  return given && storedIdOf(root, folder) === undefined ? folder : undefined;
}

/**
 * Takes a folder that was filled by hand into the store, as what was active until now. A link can replace a link at once, but a
 * folder has to be moved away first: after a crash in between the profile has no set until one is activated.
 */
async function adopt(request: ActivateRequest, root: string, folder: string): Promise<string> {
  const { profile, nowMs } = request;
  const name = activePath(root, profile);
  const { set } = await importSet({ ...request, root, path: folder }).catch((cause: unknown) => {
    throw new Error(
      `${name} was filled by hand and can't be taken into the store: move it away, then activate again. ${(cause as Error).message}`,
      { cause },
    );
  });
  await noteActivation(root, profile, { from: undefined, to: set.id }, nowMs);
  if ((await lstat(name)).isDirectory())
    await rename(name, join(setsPath(root, profile), unfinishedName("removed")));
  return set.id;
}
