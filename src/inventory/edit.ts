// Changes single entries of an inventory's text. Every other line stays as it is: comments, order, quoting, line breaks.
// Text in, text out; each result is read again, and a change that would touch another value is refused.

import { isDeepStrictEqual } from "node:util";
import {
  type Document,
  isCollection,
  isMap,
  isScalar,
  type Node,
  type Pair,
  parseDocument,
} from "yaml";
import {
  endOfEntry,
  endOfLine,
  indentOf,
  insertInFlow,
  lineStart,
  newlineOf,
  pairOf,
  startOf,
  withoutFlowPair,
} from "./edit-place.ts";
import { renderEntry, renderInline } from "./edit-render.ts";

type Path = readonly (string | number)[];
type Root = Document["contents"];

/** Adds a node at the end of `nodes`, in the style of the last one there. Throws when there is one of that name. */
export function addNode(
  text: string,
  name: string,
  entry: Readonly<Record<string, unknown>>,
): string {
  if (isWritten(text, ["nodes", name]))
    throw new Error(`node ${name} is in the inventory already: choose another name, or remove it`);
  return setValue(text, ["nodes", name], entry);
}

/** Takes a node out, with the comments inside its entry. Throws when there is none of that name. */
export function removeNode(text: string, name: string): string {
  return removeValue(text, ["nodes", name]);
}

/** Writes down that the machine with this MAC is refused from then on, and what it was. */
export function retireMac(text: string, mac: string, note: string): string {
  return setValue(text, ["retired", mac], note);
}

/** Whether something is written at `path`. Throws when the text is no YAML. */
export function isWritten(text: string, path: Path): boolean {
  return parse(text).hasIn(path);
}

/** Replaces the value at `path`, or adds it with the maps around it that are missing. `value` is plain data. */
export function setValue(text: string, path: Path, value: unknown): string {
  const document = parse(text);
  const expected = withValue(document.toJS(), path, value);
  const edited = document.hasIn(path)
    ? replaced(text, document, path, value)
    : added(text, document, path, value);
  return verified(edited, expected, path);
}

/** Takes the entry of a map out. Throws when there is none at `path`. */
export function removeValue(text: string, path: Path): string {
  const document = parse(text);
  if (!document.hasIn(path)) throw new Error(`${path.join(".")} is not in this file`);
  const expected = withoutValue(document.toJS(), path);
  return verified(removed(text, document, path), expected, path);
}

/**
 * Which of an inventory's texts to change for `path`: the one that has most of it, the first of those that have as much.
 * For a new node, ask for `["nodes"]`.
 */
export function fileFor<F extends { readonly text: string }>(
  files: readonly F[],
  path: Path,
): F | undefined {
  const depth = ({ text }: F) =>
    path.findLastIndex((_, i) => isWritten(text, path.slice(0, i + 1)));
  return files.toSorted((a, b) => depth(b) - depth(a))[0];
}

function parse(text: string): Document {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "error" });
  const [fault] = document.errors;
  if (fault !== undefined) throw new Error(`the file is not valid YAML: ${fault.message}`);
  return document;
}

function replaced(text: string, document: Document, path: Path, value: unknown): string {
  const old = document.getIn(path, true);
  const pair = pairOf(parentOf(document, path), path.at(-1));
  const range = isInline(old) ? old.range : undefined;
  if (range) {
    const [start, end] = range;
    // A block scalar ends with its line, which stays.
    const stop = start + text.slice(start, end).trimEnd().length;
    return text.slice(0, start) + renderInline(value, old, isJson(document)) + text.slice(stop);
  }
  if (pair === undefined)
    throw new Error(`${path.join(".")} can't be changed in place: correct it by hand`);
  return withPairValue(text, path, pair, value);
}

/** Whether the value stands on the line of its key, and is there at all. */
function isInline(value: unknown): value is Node {
  if (isCollection(value)) return value.flow === true;
  return isScalar(value) && value.range?.[0] !== value.range?.[1];
}

/** The value of a block entry, which stands on lines of its own or is not there at all. */
function withPairValue(text: string, path: Path, pair: Pair, value: unknown): string {
  const start = startOf(pair.key);
  const indent = start - lineStart(text, start);
  const end = endOfEntry(text, pair, indent);
  const lines = renderEntry(path, value, { indent, sibling: pair.value, newline: newlineOf(text) });
  const first = isCollection(pair.value) ? "" : commentOf(text.slice(start, end));
  return text.slice(0, start) + lines.trimStart().trimEnd() + first + text.slice(end);
}

function commentOf(line: string): string {
  return /\s#.*$/.exec(line)?.[0] ?? "";
}

function added(text: string, document: Document, path: Path, value: unknown): string {
  const depth = path.findIndex((_, i) => !document.hasIn(path.slice(0, i + 1)));
  const parents = path.slice(0, depth);
  const entry = path.slice(0, depth + 1);
  const nested = path
    .slice(depth + 1)
    .reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const parent: unknown = parents.length === 0 ? document.contents : document.getIn(parents, true);
  const newline = newlineOf(text);
  const json = isJson(document);
  if (isMap(parent) && parent.items.length > 0) {
    const last = parent.items.at(-1) as Pair;
    if (parent.flow === true) return insertInFlow(text, parent, entry.at(-1), nested, json);
    const indent = indentOf(text, parent);
    const lines = renderEntry(entry, nested, { indent, sibling: last.value, newline });
    return insertLines(text, endOfEntry(text, last, indent), lines, spacing(text, parent), newline);
  }
  const empty =
    parent === undefined || parent === null || (isScalar(parent) && parent.value === null);
  if (!empty && !isMap(parent))
    throw new Error(`${parents.join(".")} is no map of settings of its own: change it by hand`);
  if (parents.length === 0) return `${text}${renderEntry(entry, nested, { indent: 0, newline })}`;
  if (json) return insertInFlow(text, parent, entry.at(-1), nested, json);
  return fillEmpty(text, document, parents, entry, nested);
}

/** An entry of a map that is written as `key:` or `key: {}`. */
function fillEmpty(
  text: string,
  document: Document,
  parents: Path,
  entry: Path,
  value: unknown,
): string {
  const holder = parentOf(document, parents);
  const pair = pairOf(holder, parents.at(-1));
  if (pair === undefined || !isMap(holder))
    throw new Error(`${parents.join(".")} can't be filled in place: correct it by hand`);
  if (holder.flow === true)
    return replaced(text, document, parents, { [String(entry.at(-1))]: value });
  const [start, stop] = isMap(pair.value) && pair.value.range ? pair.value.range : [];
  const cut =
    start === undefined || stop === undefined
      ? text
      : text.slice(0, start).trimEnd() + text.slice(stop);
  const newline = newlineOf(text);
  const lines = renderEntry(entry, value, { indent: indentOf(text, holder) + 2, newline });
  return insertLines(cut, endOfLine(cut, startOf(pair.key)), lines, "", newline);
}

function insertLines(
  text: string,
  at: number,
  lines: string,
  blank: string,
  newline: string,
): string {
  return `${text.slice(0, at)}${newline}${blank}${lines.slice(0, -newline.length)}${text.slice(at) || newline}`;
}

/** The empty line between entries, where the last two have one. */
function spacing(text: string, map: { readonly items: readonly Pair[] }): string {
  const last = map.items.at(-1);
  if (last === undefined || map.items.length < 2) return "";
  const above = text.slice(0, lineStart(text, startOf(last.key)));
  return /\n\r?\n$/.test(above) ? newlineOf(text) : "";
}

function removed(text: string, document: Document, path: Path): string {
  const parent = parentOf(document, path);
  const pair = pairOf(parent, path.at(-1));
  if (pair === undefined || !isMap(parent))
    throw new Error(`${path.join(".")} is no entry of a map: remove it by hand`);
  if (parent.flow === true) return withoutFlowPair(text, parent, pair);
  const key = startOf(pair.key);
  const start = lineStart(text, key);
  if (text.slice(start, key).trim() !== "")
    throw new Error(`${path.join(".")} does not begin its line: remove it by hand`);
  const end = endOfEntry(text, pair, key - start);
  const rest = text.slice(end).replace(/^\r?\n/, "");
  const kept = `${text.slice(0, start)}${/\n\r?\n$/.test(text.slice(0, start)) ? rest.replace(/^\r?\n/, "") : rest}`;
  if (parent.items.length > 1) return kept;
  const above = pairOf(parentOf(document, path.slice(0, -1)), path.at(-2));
  if (above === undefined) return kept;
  const colon = text.indexOf(":", startOf(above.key) + keyLength(above));
  return `${kept.slice(0, colon + 1)} {}${kept.slice(colon + 1)}`;
}

function keyLength({ key }: Pair): number {
  return isScalar(key) && key.range ? key.range[1] - key.range[0] : 0;
}

function parentOf(document: Document, path: Path): unknown {
  return path.length <= 1 ? document.contents : document.getIn(path.slice(0, -1), true);
}

/** JSON is written as JSON: its reader takes neither plain text nor a comma at the end. */
function isJson(document: Document): boolean {
  const root: Root = document.contents;
  const first = isMap(root) ? root.items[0]?.key : undefined;
  return isMap(root) && root.flow === true && isScalar(first) && first.type === "QUOTE_DOUBLE";
}

function verified(text: string, expected: unknown, path: Path): string {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "error" });
  if (document.errors.length === 0 && isDeepStrictEqual(document.toJS(), expected)) return text;
  throw new Error(
    `${path.join(".")} can't be changed without changing something else (is it written with an alias?): correct it by hand`,
  );
}

function withValue(data: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const inner = withValue(childOf(data, key), rest, value);
  if (Array.isArray(data)) return data.with(Number(key), inner);
  return { ...(typeof data === "object" ? data : {}), [key]: inner };
}

function withoutValue(data: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined || typeof data !== "object" || data === null) return data;
  if (rest.length > 0) return { ...data, [key]: withoutValue(childOf(data, key), rest) };
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== String(key)));
}

function childOf(data: unknown, key: string | number): unknown {
  return typeof data === "object" && data !== null
    ? (data as Record<string | number, unknown>)[key]
    : undefined;
}
