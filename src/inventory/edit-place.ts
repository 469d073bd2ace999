// Where entries begin and end in the text of an inventory, and the two changes inside { } that need no more than that.

import { isMap, isNode, isScalar, isSeq, type Pair, type YAMLMap } from "yaml";
import { renderFlowPair } from "./edit-render.ts";

export function newlineOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

/** The offset of the first character of the line that `offset` is in. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** The offset behind the last character of the line that `offset` is in, its line break left out. */
export function endOfLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  if (end < 0) return text.length;
  return text[end - 1] === "\r" ? end - 1 : end;
}

export function startOf(node: unknown): number {
  return (isNode(node) ? node.range?.[0] : undefined) ?? 0;
}

/** The column of a block map's keys. */
export function indentOf(text: string, { items }: YAMLMap): number {
  const first = startOf(items[0]?.key);
  return first - lineStart(text, first);
}

export function pairOf(map: unknown, key: unknown): Pair | undefined {
  return isMap(map)
    ? map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(key))
    : undefined;
}

/** The offset behind the last character that is written of a pair; comments do not count. */
function pairEnd(pair: Pair): number {
  return endOf(pair.value) ?? endOf(pair.key) ?? 0;
}

function endOf(node: unknown): number | undefined {
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last: unknown = node.items.at(-1);
    if (last !== undefined) return isNode(last) ? endOf(last) : pairEnd(last as Pair);
  }
  return isNode(node) ? node.range?.[1] : undefined;
}

/** The end of the last line of a block entry: with what is commented behind it, and below it at more than its `indent`. */
export function endOfEntry(text: string, pair: Pair, indent: number): number {
  const start = startOf(pair.key);
  let end = endOfLine(text, start + text.slice(start, pairEnd(pair)).trimEnd().length);
  for (let at = end; at < text.length; ) {
    const next = text.indexOf("\n", at) + 1;
    if (next === 0) break;
    at = endOfLine(text, next);
    const line = text.slice(next, at);
    const comment = line.search(/#/);
    const belongs = comment > indent && line.slice(0, comment).trim() === "";
    if (belongs) end = at;
    else if (line.trim() !== "") break;
  }
  return end;
}

/** Adds a pair at the end of a map in braces: on its own line when the others have theirs. */
export function insertInFlow(
  text: string,
  map: unknown,
  key: unknown,
  value: unknown,
  json: boolean,
): string {
  if (!isMap(map) || !map.range) throw new Error(`${String(key)} has no map to stand in`);
  const last = map.items.at(-1);
  if (last === undefined) {
    const pair = renderFlowPair(key, value, json);
    return `${text.slice(0, map.range[0])}{ ${pair} }${text.slice(map.range[1])}`;
  }
  const start = startOf(last.key);
  const before = text.slice(lineStart(text, start), start);
  const ownLine = before.trim() === "";
  const end = pairEnd(last);
  const pair = renderFlowPair(key, value, json, ownLine ? before.length : undefined);
  const gap = ownLine ? newlineOf(text) + before : " ";
  return `${text.slice(0, end)},${gap}${pair}${text.slice(end)}`;
}

export function withoutFlowPair(text: string, { items }: YAMLMap, pair: Pair): string {
  const index = items.indexOf(pair);
  const [before, after] = [items[index - 1], items[index + 1]];
  const start = before === undefined ? startOf(pair.key) : pairEnd(before);
  const end = before === undefined && after !== undefined ? startOf(after.key) : pairEnd(pair);
  return text.slice(0, start) + text.slice(end);
}
