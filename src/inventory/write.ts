// Replaces a file of an inventory, when what it would say is sound and nobody changed it in the meantime.

import { randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readText } from "./include.ts";
import { loadInventory } from "./load.ts";
import type { Problem } from "./yaml-text.ts";

export interface InventoryEdit {
  /** The file that changes. */
  readonly file: string;
  /** Its text as it was read, and as it is to be. */
  readonly before: string;
  readonly after: string;
  /** The inventory's main file, where that is another. */
  readonly main?: string;
}

export type WriteResult =
  | { readonly written: true }
  /** What is wrong with the inventory that it would be; nothing was written. */
  | { readonly problems: readonly Problem[] }
  | { readonly refused: string };

/** Validates the inventory with the new text, then replaces the file as a whole. Its mode and owner stay. Throws what the disk says. */
export function writeInventory({ file, before, after, main = file }: InventoryEdit): WriteResult {
  const changed = resolve(file);
  const loaded = loadInventory(main, (name) =>
    resolve(name) === changed ? { text: after } : readText(name),
  );
  if ("problems" in loaded) return { problems: loaded.problems };
  // A link stays a link: what it leads to is replaced.
  const target = realpathSync(file);
  if (readFileSync(target, "utf8") !== before)
    return {
      refused: `${file} was changed by somebody else in the meantime: look at it and try again`,
    };
  replaceFile(target, after);
  return { written: true };
}

function replaceFile(target: string, text: string): void {
  const { mode, uid, gid } = statSync(target);
  const fresh = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
  try {
    const handle = openSync(fresh, "wx", 0o600);
    try {
      writeFileSync(handle, text);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    const own = statSync(fresh);
    if (own.uid !== uid || own.gid !== gid) chownSync(fresh, uid, gid);
    chmodSync(fresh, mode & 0o7777);
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
