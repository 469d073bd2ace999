// What becomes of the inventory's files when a machine leaves for good. Texts in, texts out; every other line stays as it is.

import { fileFor, isWritten, removeNode, retireMac, setValue } from "../inventory/edit.ts";
import type { InventoryTexts } from "../inventory/files.ts";
import type { Inventory } from "../inventory/schema.ts";
import { unifiedDiff } from "../inventory/unified-diff.ts";

export interface LeavingNode {
  readonly name: string;
  readonly mac: string;
  /** What it was, for whoever meets the machine again. */
  readonly was: string;
}

/** One file's next text. */
export interface FileEdit {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/**
 * The changes in their order: after each, the files are a sound inventory. Nothing that is done already is done again. Throws, naming the
 * file, where a change can't be made without touching something else.
 */
export function retirementEdits(
  texts: InventoryTexts,
  { name, mac, was }: LeavingNode,
  { cluster: { peers } }: Pick<Inventory, "cluster">,
): readonly FileEdit[] {
  const files = new Map(
    [...texts].flatMap(([file, read]) => ("text" in read ? [[file, read.text] as const] : [])),
  );
  const edits: FileEdit[] = [];
  const edit = (path: readonly string[], change: (text: string) => string): void => {
    const there = [...files].map(([file, text]) => ({ file, text }));
    const place = fileFor(there, path);
    if (place === undefined) throw new Error("no file of the inventory can be read");
    const { file, text: before } = place;
    const after = changed(file, before, change);
    files.set(file, after);
    const last = edits.at(-1);
    // What one file gets in a row is one change.
    if (last?.file === file) edits[edits.length - 1] = { ...last, after };
    else edits.push({ file, before, after });
  };
  const isAnywhere = (path: readonly string[]) =>
    [...files.values()].some((text) => isWritten(text, path));
  // A peer has to be a node, and a retired MAC must be no node's.
  if (peers?.includes(name) === true && isAnywhere(["nodes", name]))
    edit(["cluster", "peers"], (text) =>
      setValue(
        text,
        ["cluster", "peers"],
        peers.filter((peer) => peer !== name),
      ),
    );
  if (isAnywhere(["nodes", name])) edit(["nodes", name], (text) => removeNode(text, name));
  if (!isAnywhere(["retired", mac])) edit(["retired"], (text) => retireMac(text, mac, was));
  return edits;
}

function changed(file: string, text: string, change: (text: string) => string): string {
  try {
    return change(text);
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}

/** All changes of each file, as `diff -u` writes them. */
export function retirementDiff(edits: readonly FileEdit[]): readonly string[] {
  return [...new Set(edits.map(({ file }) => file))].flatMap((file) => {
    const own = edits.filter((edit) => edit.file === file);
    return unifiedDiff({ from: file, to: file }, own[0]?.before, own.at(-1)?.after);
  });
}

/** The texts after all changes. */
export function afterRetirement(texts: InventoryTexts, edits: readonly FileEdit[]): InventoryTexts {
  const next = new Map(texts);
  for (const { file, after } of edits) next.set(file, { text: after });
  return next;
}
