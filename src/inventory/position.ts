// Finds where a value of the inventory stands in its YAML text. Does not judge it.

import { type Document, isAlias, isMap, isNode, isScalar, isSeq } from "yaml";
import type { Finding } from "./check.ts";

/** The offset of a finding in the text: its value, its key, or the key of the nearest parent that is written. */
export function offsetOf(document: Document, { path, at }: Finding): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [index, part] of path.entries()) {
    const { key, value } = child(isAlias(node) ? node.resolve(document) : node, String(part));
    const wanted = index === path.length - 1 && at !== "key" ? (value ?? key) : (key ?? value);
    if (wanted === undefined) return offset;
    offset = startOf(wanted) ?? offset;
    node = value;
  }
  return offset;
}

function child(parent: unknown, name: string): { key?: unknown; value?: unknown } {
  if (isSeq(parent)) return { value: parent.items[Number(name)] };
  if (!isMap(parent)) return {};
  const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  return pair === undefined ? {} : { key: pair.key, value: pair.value ?? undefined };
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
