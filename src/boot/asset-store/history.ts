// What was active for a profile, and since when. The link nixos/PROFILE says what is active; this says what was before.

import { join } from "node:path";
import { z } from "zod";
import { readSmallFile } from "../asset-file.ts";
import { writeFileDurably } from "./durable.ts";
import { setsPath } from "./layout.ts";
import { idPattern } from "./set-file.ts";

const shape = z.array(
  z.strictObject({
    id: z.string().regex(idPattern),
    /** When it became active. */
    at: z.iso.datetime(),
  }),
);

/** Oldest first. */
export type History = readonly Readonly<z.output<typeof shape>[number]>[];

const maxEntries = 50;

const pathOf = (root: string, profile: string): string =>
  join(setsPath(root, profile), "history.json");

/** Empty when there is none. One that can't be understood is an Error: rollback must not guess. */
export async function readHistory(root: string, profile: string): Promise<History> {
  const path = pathOf(root, profile);
  try {
    const text = (await readSmallFile(path))?.toString();
    if (text === undefined) return [];
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`${path} can't be understood: remove it, and name sets by their ids`, {
      cause,
    });
  }
}

/**
 * Notes a switch that was made from `from` to `to`. Written after the link was switched: a crash in between leaves a
 * history whose last entry is the set before, so that rollback finds it all the same.
 */
export async function noteActivation(
  root: string,
  profile: string,
  ids: { readonly from: string | undefined; readonly to: string },
  nowMs: number,
): Promise<void> {
  const at = new Date(nowMs).toISOString();
  const known = await readHistory(root, profile);
  const missed =
    ids.from !== undefined && known.at(-1)?.id !== ids.from ? [{ id: ids.from, at }] : [];
  const next = [...known, ...missed, { id: ids.to, at }].slice(-maxEntries);
  await writeFileDurably(pathOf(root, profile), `${JSON.stringify(next, undefined, 2)}\n`);
}

/** The set that was active before `active`, of those that are still `present`. */
export function previousOf(
  history: History,
  active: string | undefined,
  present: readonly string[],
): string | undefined {
  return history.findLast(({ id }) => id !== active && present.includes(id))?.id;
}

/** When `id` was last replaced by another set, in milliseconds since the epoch; undefined when it never was, or is active. */
export function endOfUseMs(history: History, id: string): number | undefined {
  const last = history.findLastIndex((entry) => entry.id === id);
  const next = last < 0 ? undefined : history[last + 1];
  return next === undefined ? undefined : Date.parse(next.at);
}
