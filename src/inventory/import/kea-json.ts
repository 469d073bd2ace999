// Kea's JSON: with comments (#, //, /* */), a comma before a closing bracket, and `<?include "file"?>` where any text
// may stand. Every value knows its place. Knows no setting.

import {
  includedPath,
  maxIncludes,
  maxNesting,
  maxWords,
  type Place,
  type ReadFile,
  unreadable,
} from "./source.ts";

export type Json =
  | { readonly kind: "map"; readonly place: Place; readonly entries: readonly JsonEntry[] }
  | { readonly kind: "list"; readonly place: Place; readonly items: readonly Json[] }
  | {
      readonly kind: "scalar";
      readonly place: Place;
      readonly value: string | number | boolean | null;
    };

export interface JsonEntry {
  readonly key: string;
  readonly place: Place;
  readonly value: Json;
}

/** Throws what `unreadable` throws. */
export function parseKeaJson(text: string, file: string, readFile: ReadFile): Json {
  const lexer = createLexer(text, file, readFile);
  const value = readValue(lexer, lexer.next(), 0);
  const rest = lexer.next();
  if (rest.kind !== "end")
    unreadable(rest.place, `${rest.text} follows the closing bracket: remove it`);
  return value;
}

interface JsonToken {
  readonly kind: "mark" | "string" | "word" | "end";
  readonly text: string;
  readonly place: Place;
}

interface Source {
  readonly text: string;
  readonly file: string;
  offset: number;
  line: number;
  lineStart: number;
}

const space = /\s+/y;
const lineComment = /(?:#|\/\/)[^\n]*/y;
const include = /<\?include\s+"([^"\n]*)"\s*\?>/y;
const plainText = /[^"\\\n]+/y;
const word = /[^\s{}[\],:"#]+/y;

function createLexer(text: string, file: string, readFile: ReadFile) {
  const open = (text: string, file: string): Source => ({
    text,
    file,
    offset: 0,
    line: 1,
    lineStart: 0,
  });
  const sources = [open(text, file)];
  let included = 0;
  let words = 0;

  const push = (path: string, place: Place) => {
    included++;
    if (included > maxIncludes || sources.length > maxNesting)
      unreadable(place, `more than ${maxIncludes} files are included: does one include itself?`);
    const name = includedPath(place.file, path);
    const read = readFile(name);
    if ("error" in read)
      unreadable(place, `the included file ${name} can't be read: ${read.error}`);
    sources.push(open(read.bytes.toString("utf8"), name));
  };
  const next = (): JsonToken => {
    for (;;) {
      const source = sources.at(-1) ?? open("", file);
      if (take(source, space) ?? take(source, lineComment) ?? takeBlockComment(source)) continue;
      const place = {
        file: source.file,
        line: source.line,
        column: source.offset - source.lineStart + 1,
      };
      const character = source.text[source.offset];
      if (character === undefined) {
        if (sources.length <= 1) return { kind: "end", text: "the end of the file", place };
        sources.pop();
        continue;
      }
      const path = take(source, include)?.[1];
      if (path !== undefined) {
        push(path, place);
        continue;
      }
      if (source.text.startsWith("/*", source.offset))
        unreadable(place, "this comment has no closing */");
      if (++words > maxWords)
        unreadable(place, `there are more than ${maxWords} words: split the file up`);
      const quoted = takeString(source);
      if (quoted !== undefined) return { kind: "string", text: unquote(quoted, place), place };
      if (character === '"') unreadable(place, 'this string has no closing " on its line');
      const plain = take(source, word)?.[0];
      if (plain !== undefined) return { kind: "word", text: plain, place };
      source.offset++;
      return { kind: "mark", text: character, place };
    }
  };
  return { next };
}

/** Moves past a match at the present offset. */
function take(source: Source, pattern: RegExp): RegExpExecArray | undefined {
  pattern.lastIndex = source.offset;
  const match = pattern.exec(source.text);
  if (match === null) return undefined;
  moveTo(source, pattern.lastIndex);
  return match;
}

function moveTo(source: Source, offset: number): void {
  const passed = source.text.slice(source.offset, offset);
  for (let at = passed.indexOf("\n"); at !== -1; at = passed.indexOf("\n", at + 1)) {
    source.line++;
    source.lineStart = source.offset + at + 1;
  }
  source.offset = offset;
}

// By hand, because a regular expression with a repeated group has no room for a long text.
function takeBlockComment(source: Source): true | undefined {
  const { text, offset } = source;
  if (!text.startsWith("/*", offset)) return undefined;
  const end = text.indexOf("*/", offset + 2);
  if (end === -1) return undefined;
  moveTo(source, end + 2);
  return true;
}

/** The string with its quotation marks; undefined when none starts here, or when it does not end on its line. */
function takeString(source: Source): string | undefined {
  const { text, offset } = source;
  if (text[offset] !== '"') return undefined;
  let at = offset + 1;
  for (;;) {
    plainText.lastIndex = at;
    if (plainText.test(text)) at = plainText.lastIndex;
    if (text[at] === '"') break;
    // Behind a backslash comes one character, whatever it is.
    if (text[at] !== "\\" || text[at + 1] === "\n" || text[at + 1] === undefined) return undefined;
    at += 2;
  }
  source.offset = at + 1;
  return text.slice(offset, at + 1);
}

function unquote(quoted: string, place: Place): string {
  try {
    return String(JSON.parse(quoted.replaceAll("\t", "\\t")));
  } catch {
    return unreadable(place, "this string has an escape that JSON does not know");
  }
}

type Lexer = ReturnType<typeof createLexer>;

function readValue(lexer: Lexer, token: JsonToken, depth: number): Json {
  const { kind, text, place } = token;
  if (depth > maxNesting)
    unreadable(place, `values are nested deeper than ${maxNesting}: flatten them`);
  if (kind === "string") return { kind: "scalar", place, value: text };
  if (kind === "word") return { kind: "scalar", place, value: plainValue(text, place) };
  if (kind === "mark" && text === "{") return readMap(lexer, token, depth);
  if (kind === "mark" && text === "[") return readList(lexer, token, depth);
  return unreadable(place, `expected a value, found ${text}`);
}

function plainValue(text: string, place: Place): number | boolean | null {
  if (text === "true" || text === "false") return text === "true";
  if (text === "null") return null;
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return Number(text);
  return unreadable(place, `"${text}" is no JSON value: put text into quotation marks`);
}

function readMap(lexer: Lexer, opening: JsonToken, depth: number): Json {
  const entries: JsonEntry[] = [];
  for (;;) {
    const token = lexer.next();
    if (token.kind === "mark" && token.text === "}")
      return { kind: "map", place: opening.place, entries };
    if (token.kind === "end") unreadable(opening.place, "this { has no closing }");
    if (token.kind !== "string")
      unreadable(token.place, `expected a name in quotation marks or }, found ${token.text}`);
    const colon = lexer.next();
    if (colon.text !== ":" || colon.kind !== "mark")
      unreadable(colon.place, `expected : after "${token.text}", found ${colon.text}`);
    const value = readValue(lexer, lexer.next(), depth + 1);
    entries.push({ key: token.text, place: token.place, value });
    if (closes(lexer, opening, "}")) return { kind: "map", place: opening.place, entries };
  }
}

function readList(lexer: Lexer, opening: JsonToken, depth: number): Json {
  const items: Json[] = [];
  for (;;) {
    const token = lexer.next();
    if (token.kind === "mark" && token.text === "]")
      return { kind: "list", place: opening.place, items };
    if (token.kind === "end") unreadable(opening.place, "this [ has no closing ]");
    items.push(readValue(lexer, token, depth + 1));
    if (closes(lexer, opening, "]")) return { kind: "list", place: opening.place, items };
  }
}

/** Reads the comma or the bracket after a value; true for the bracket. */
function closes(lexer: Lexer, opening: JsonToken, bracket: string): boolean {
  const token = lexer.next();
  if (token.kind === "end")
    unreadable(opening.place, `this ${opening.text} has no closing ${bracket}`);
  if (token.kind === "mark" && token.text === ",") return false;
  if (token.kind === "mark" && token.text === bracket) return true;
  return unreadable(token.place, `expected , or ${bracket}, found ${token.text}`);
}

/** The entries of a map, the last of each name; none for any other value. */
export function entriesOf(json: Json | undefined): readonly JsonEntry[] {
  return json?.kind === "map" ? [...new Map(json.entries.map((e) => [e.key, e])).values()] : [];
}

/** The items of a list; none for any other value. */
export function itemsOf(json: Json | undefined): readonly Json[] {
  return json?.kind === "list" ? json.items : [];
}

export function member(json: Json | undefined, key: string): Json | undefined {
  return entriesOf(json).find((entry) => entry.key === key)?.value;
}

export function scalarOf(json: Json | undefined, key: string) {
  const value = member(json, key);
  return value?.kind === "scalar" ? value.value : undefined;
}

export function textOf(json: Json | undefined, key: string): string | undefined {
  const value = scalarOf(json, key);
  return typeof value === "string" ? value : undefined;
}
