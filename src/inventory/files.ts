// The files that an inventory is read from, as texts: what is on the disk is read here, and everything after that is pure.

import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf } from "../net/error-text.ts";
import { type LoadResult, type Problem, parseInventory } from "./load.ts";

/** A file as it was read, or why it can't be. */
export type InventoryText = { readonly text: string } | { readonly failure: string };

/** Every file by its absolute path; the one that names the others comes first. */
export type InventoryTexts = ReadonlyMap<string, InventoryText>;

/** Of all files together: far more than ten thousand nodes need. */
const maxInventoryBytes = 16 * 1024 * 1024;

/** Reads the inventory's files as they are now. Total: a file that can't be read is told as such. */
export function readInventoryTexts(file: string): InventoryTexts {
  const path = resolve(file);
  return new Map([[path, readText(path)]]);
}

/** Validates what was read of `file`; what can't be read is a problem like any other. Total. */
export function parseInventoryTexts(file: string, texts: InventoryTexts): LoadResult {
  const read = texts.get(resolve(file)) ?? { failure: "it was not read" };
  if ("failure" in read)
    return refused(
      file,
      `the inventory can't be read (${read.failure}): name an existing file with --inventory`,
    );
  try {
    return parseInventory(read.text, file);
  } catch (error) {
    // Whatever a damaged file makes the reader of YAML stumble over, the server goes on without it.
    return refused(file, `the file can't be understood: ${messageOf(error)}`);
  }
}

/** Whether nothing has changed between two readings. */
export function areSameTexts(one: InventoryTexts, other: InventoryTexts): boolean {
  const plain = (texts: InventoryTexts) => JSON.stringify([...texts]);
  return plain(one) === plain(other);
}

function readText(path: string): InventoryText {
  try {
    const { size } = statSync(path);
    if (size > maxInventoryBytes)
      return { failure: `${size} octets are more than the ${maxInventoryBytes} that are read` };
    return { text: readFileSync(path, "utf8") };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

function refused(file: string, message: string): { readonly problems: readonly Problem[] } {
  return { problems: [{ file, line: 1, column: 1, path: "", message }] };
}
