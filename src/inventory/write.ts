// Replaces a file of an inventory, when what it would say is sound and nobody changed it in the meantime.

import { realpathSync } from "node:fs";
import { readText } from "./include.ts";
import { type LoadResult, loadInventory } from "./load.ts";
import { replaceFile } from "./replace-file.ts";
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

/** The inventory as it would be with another text in one of its files, which must exist. */
export function loadEdited(main: string, file: string, after: string): LoadResult {
  const changed = realpathSync(file);
  return loadInventory(main, (name) =>
    realpathSync(name) === changed ? { text: after } : readText(name),
  );
}

/** Validates the inventory with the new text, then replaces the file as a whole. Its mode and owner stay. Throws what the disk says. */
export function writeInventory({ file, before, after, main = file }: InventoryEdit): WriteResult {
  const loaded = loadEdited(main, file, after);
  if ("problems" in loaded) return { problems: loaded.problems };
  if (replaceFile(file, before, after)) return { written: true };
  return {
    refused: `${file} was changed by somebody else in the meantime: look at it and try again`,
  };
}
