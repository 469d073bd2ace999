// The files that an inventory is read from, as texts: what is on the disk is read here, and everything after that is pure.

import { resolve } from "node:path";
import { messageOf } from "../net/error-text.ts";
import { findIncluded, type ReadText, readText } from "./include.ts";
import { includedPatterns, loadInventory, type Parsed, parseTexts } from "./load.ts";

/** Every file by its absolute path, as it was read or why it can't be; the one that names the others comes first. */
export type InventoryTexts = ReadonlyMap<string, ReturnType<ReadText>>;

/** Returns the reader of the files as they are at the time; which ones `file` includes is found anew each time. It is total. */
export function createInventoryReader(file: string): () => InventoryTexts {
  const main = resolve(file);
  let known: { readonly text: string; readonly patterns: readonly string[] } | undefined;
  const included = (text: string): readonly string[] => {
    // Read every few seconds, and seldom another one.
    if (known?.text !== text) known = { text, patterns: patternsIn(text, main) };
    const found = findIncluded(main, known.patterns);
    return "files" in found ? found.files : [];
  };
  return () => {
    const first = readText(main);
    const others = "text" in first ? included(first.text) : [];
    return new Map([[main, first], ...others.map((name) => [name, readText(name)] as const)]);
  };
}

/** Validates what was read of `file` and those that it includes; what can't be read is a problem like any other. Total. */
export function parseInventoryTexts(file: string, texts: InventoryTexts): Parsed {
  const read: ReadText = (name) =>
    texts.get(resolve(name)) ?? {
      error: "it came while the others were read: they are read again",
    };
  return total(file, () => loadInventory(file, read));
}

/** Validates texts from elsewhere, whatever the disk has: these are all files. Total. */
export function parseOtherTexts(texts: InventoryTexts): Parsed {
  const named = [...texts].map(([name, read]) => ({ name, text: "text" in read ? read.text : "" }));
  return total(named[0]?.name ?? "", () => parseTexts(named));
}

/** Whether nothing has changed between two readings. */
export function areSameTexts(one: InventoryTexts, other: InventoryTexts): boolean {
  const plain = (texts: InventoryTexts) => JSON.stringify([...texts]);
  return plain(one) === plain(other);
}

function patternsIn(text: string, file: string): readonly string[] {
  try {
    return includedPatterns(text, file);
  } catch {
    return [];
  }
}

/** Whatever a damaged file makes its reader stumble over, the server goes on without it. */
function total(file: string, parse: () => Parsed): Parsed {
  try {
    return parse();
  } catch (error) {
    const message = `the file can't be understood: ${messageOf(error)}`;
    return { problems: [{ file, line: 1, column: 1, path: "", message }] };
  }
}
