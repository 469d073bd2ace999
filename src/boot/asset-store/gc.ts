// Frees what nobody needs: sets that are neither active, nor the one to go back to, nor fresh, and what a crash left behind.

import { lstat, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../net/sync-directory.ts";
import { endOfUseMs, type History, readHistory } from "./history.ts";
import { failedWith, namesIn, setPath, setsPath, unfinishedName } from "./layout.ts";
import { listStore, type StoredSet } from "./list.ts";

/** A machine that was given a set boots it within minutes; a day also leaves time for second thoughts. */
const keptForMs = 24 * 60 * 60 * 1000;

export type Verdict = { readonly keep: string } | { readonly free: string };

/** Whether a set can go, and why. Times in milliseconds since the epoch. Pure. */
export function judgeSet(set: StoredSet, history: History, nowMs: number): Verdict {
  if (set.state === "active") return { keep: "active" };
  if (set.state === "previous") return { keep: "the one to go back to" };
  const lastNeededMs = Math.max(endOfUseMs(history, set.id) ?? 0, set.neededMs);
  if (nowMs - lastNeededMs < keptForMs) return { keep: "imported or in use within the last day" };
  return { free: set.described === undefined ? "can't be understood" : "no longer needed" };
}

export interface Collected {
  /** `PROFILE/ID`, or the name of what a crash left behind. */
  readonly name: string;
  readonly verdict: Verdict;
  readonly sizeBytes: number;
}

export interface GcRequest {
  readonly root: string;
  readonly nowMs: number;
  /** True when a process of this host with that id runs. */
  readonly isRunning: (pid: number) => boolean;
  /** Removes nothing. */
  readonly dryRun: boolean;
}

/** Removes what can go. */
export async function collectGarbage(request: GcRequest): Promise<Collected[]> {
  const { root, nowMs, dryRun } = request;
  const collected: Collected[] = [];
  for (const set of (await listStore(root)).sets) {
    const name = `${set.profile}/${set.id}`;
    const sizeBytes = await sizeOf(setPath(root, set.profile, set.id));
    const judged = judgeSet(set, await readHistory(root, set.profile), nowMs);
    const verdict = "keep" in judged || dryRun ? judged : await removeSet(root, set, judged);
    collected.push({ name, verdict, sizeBytes });
  }
  return [...collected, ...(await collectLeftovers(request))];
}

/** Removes a set, by a rename first, so that no half of one is ever found under its name. Or says why it stays after all. */
export async function removeSet(
  root: string,
  { profile, id, neededMs }: StoredSet,
  judged: Verdict,
): Promise<Verdict> {
  const path = setPath(root, profile, id);
  const doomed = join(setsPath(root, profile), unfinishedName("removed"));
  try {
    await rename(path, doomed);
  } catch (error) {
    if (failedWith(error, "ENOENT")) return judged;
    throw error;
  }
  if ((await stat(doomed)).mtimeMs !== neededMs && (await putBack(doomed, path)))
    return { keep: "chosen at this moment" };
  await syncDirectory(setsPath(root, profile));
  await rm(doomed, { recursive: true, force: true });
  return judged;
}

/** False when the place was taken meanwhile: the same set was imported anew. */
async function putBack(doomed: string, path: string): Promise<boolean> {
  return rename(doomed, path).then(
    () => true,
    (error: unknown) => {
      if (failedWith(error, "ENOTEMPTY", "EEXIST")) return false;
      throw error;
    },
  );
}

const leftoverPattern = /^\.(?:import-|removed-|.*\.)(\d+)-[0-9a-f]{12}$/;

/** Hidden files whose process has ended; after a day whether it has or not, since ids are used again. */
async function collectLeftovers({ root, nowMs, isRunning, dryRun }: GcRequest) {
  const collected: Collected[] = [];
  const profiles = await namesIn(join(root, "sets"));
  const folders = [root, join(root, "nixos"), ...profiles.map((name) => setsPath(root, name))];
  for (const folder of folders)
    for (const entry of await readdir(folder).catch(() => [])) {
      const pid = leftoverPattern.exec(entry)?.[1];
      if (pid === undefined) continue;
      const path = join(folder, entry);
      const mtimeMs = (await lstat(path).catch(() => undefined))?.mtimeMs;
      // Gone by itself: its process has just ended.
      if (mtimeMs === undefined) continue;
      if (isRunning(Number(pid)) && nowMs - mtimeMs < keptForMs) continue;
      const verdict = { free: "left behind by a process that has ended" };
      collected.push({ name: path, verdict, sizeBytes: await sizeOf(path) });
      if (!dryRun) await rm(path, { recursive: true, force: true });
    }
  return collected;
}

/** What is gone takes nothing. */
async function sizeOf(path: string): Promise<number> {
  const facts = await lstat(path).catch(() => undefined);
  if (facts?.isDirectory() !== true) return facts?.size ?? 0;
  const names = await readdir(path).catch(() => []);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}
