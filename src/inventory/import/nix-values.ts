// The part of Nix that a module's settings are written in: sets with dotted and quoted names, lists, strings, numbers and
// booleans. Function headers, `let … in` and `with …;` are passed over; whatever has to be evaluated becomes `other`.

import { type NixToken, readNixTokens } from "./nix-lexer.ts";
import { maxNesting, type Place, unreadable } from "./source.ts";

export type NixValue =
  | { readonly kind: "set"; readonly place: Place; readonly bindings: readonly NixBinding[] }
  | { readonly kind: "list"; readonly place: Place; readonly items: readonly NixValue[] }
  | {
      readonly kind: "scalar";
      readonly place: Place;
      readonly value: string | number | boolean | null;
    }
  | { readonly kind: "other"; readonly place: Place };

export interface NixBinding {
  readonly path: readonly string[];
  readonly place: Place;
  readonly value: NixValue;
}

interface Reader {
  readonly tokens: readonly NixToken[];
  at: number;
}

/** Reads a file, or bindings that were copied out of one. Throws what `unreadable` throws. */
export function parseNix(text: string, file: string): NixValue {
  const reader: Reader = { tokens: readNixTokens(text, file), at: 0 };
  const { place } = peek(reader);
  if (isBinding(reader)) {
    const bindings = readBindings(reader, 0, "end");
    return { kind: "set", place, bindings };
  }
  const value = readValue(reader, 0);
  const rest = peek(reader);
  if (rest.kind !== "end")
    unreadable(rest.place, `${rest.text} follows the end of the module: remove it`);
  return value;
}

function peek({ tokens, at }: Reader, ahead = 0): NixToken {
  return (tokens[at + ahead] ?? tokens.at(-1)) as NixToken;
}

function isMark(token: NixToken, text: string): boolean {
  return token.kind === "mark" && token.text === text;
}

function isName(token: NixToken, text: string): boolean {
  return token.kind === "name" && token.text === text;
}

function expectMark(reader: Reader, text: string, why: string): void {
  const token = peek(reader);
  if (!isMark(token, text)) unreadable(token.place, `${token.text} stands where ${why}`);
  reader.at++;
}

/** Whether a dotted name and `=` come next. */
function isBinding(reader: Reader): boolean {
  for (let ahead = 0; ; ahead += 2) {
    const { kind } = peek(reader, ahead);
    if (kind !== "name" && kind !== "string") return false;
    if (isMark(peek(reader, ahead + 1), "=")) return true;
    if (!isMark(peek(reader, ahead + 1), ".")) return false;
  }
}

function readBindings(reader: Reader, depth: number, end: "}" | "in" | "end"): NixBinding[] {
  const bindings: NixBinding[] = [];
  for (;;) {
    const first = peek(reader);
    if (first.kind === "end" && end === "end") return bindings;
    if (isMark(first, end) || isName(first, end)) {
      reader.at++;
      return bindings;
    }
    if (isName(first, "inherit")) skip(reader);
    else {
      const path = readPath(reader);
      expectMark(reader, "=", `= is expected after ${path.join(".")}: write NAME = VALUE;`);
      bindings.push({ path, place: first.place, value: readValue(reader, depth + 1) });
    }
    expectMark(reader, ";", "a value has to end: put ; behind it");
  }
}

function readPath(reader: Reader): string[] {
  const path: string[] = [];
  for (;;) {
    const token = peek(reader);
    if (isMark(token, "${")) {
      reader.at++;
      skip(reader);
      expectMark(reader, "}", "} is expected");
      path.push("(computed)");
    } else if (token.kind === "name" || token.kind === "string") {
      path.push(token.text);
      reader.at++;
    } else
      unreadable(token.place, `${token.text} stands where a name is expected: write NAME = VALUE;`);
    if (!isMark(peek(reader), ".")) return path;
    reader.at++;
  }
}

/** What stands in front of a value and does not change it here. */
function skipHeaders(reader: Reader, depth: number): void {
  for (;;) {
    const token = peek(reader);
    if (isName(token, "let")) {
      reader.at++;
      readBindings(reader, depth + 1, "in");
    } else if (isName(token, "with") || isName(token, "assert")) {
      skip(reader);
      expectMark(reader, ";", `; is expected after ${token.text}`);
    } else if (token.kind === "name" && isMark(peek(reader, 1), ":")) reader.at += 2;
    else if (token.kind === "name" && isMark(peek(reader, 1), "@")) reader.at += 2;
    else if (isMark(token, "{") && isFunctionHeader(reader)) skipFunctionHeader(reader);
    else return;
  }
}

function isFunctionHeader(reader: Reader): boolean {
  const [first, second] = [peek(reader, 1), peek(reader, 2)];
  if (isMark(first, "...")) return true;
  if (isMark(first, "}")) return isMark(second, ":") || isMark(second, "@");
  return first.kind === "name" && [",", "?", "}"].some((text) => isMark(second, text));
}

function skipFunctionHeader(reader: Reader): void {
  reader.at++;
  skip(reader, ",");
  expectMark(reader, "}", "} is expected after a function's arguments");
  if (isMark(peek(reader), "@")) reader.at += 2;
  expectMark(reader, ":", ": is expected after a function's arguments");
}

function readValue(reader: Reader, depth: number): NixValue {
  const { place } = peek(reader);
  if (depth > maxNesting)
    unreadable(
      place,
      `it is nested more than ${maxNesting} deep: name the file that has the module alone`,
    );
  skipHeaders(reader, depth);
  const value = readTerm(reader, depth);
  if (endsValue(peek(reader))) return value;
  skip(reader);
  return { kind: "other", place };
}

function endsValue(token: NixToken): boolean {
  if (token.kind === "end" || isName(token, "in")) return true;
  return [";", "}", "]", ")", ","].some((text) => isMark(token, text));
}

const words: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };
const priorities: ReadonlySet<string> = new Set(["mkDefault", "mkForce"]);

/** One value without operators or arguments behind it. */
function readTerm(reader: Reader, depth: number): NixValue {
  const token = peek(reader);
  const { place } = token;
  if (isName(token, "rec") && isMark(peek(reader, 1), "{")) reader.at++;
  if (isMark(peek(reader), "{")) {
    reader.at++;
    return { kind: "set", place, bindings: readBindings(reader, depth, "}") };
  }
  if (isMark(token, "[")) return readList(reader, depth);
  if (isMark(token, "(")) {
    reader.at++;
    const value = readValue(reader, depth + 1);
    expectMark(reader, ")", ") is expected");
    return value;
  }
  if (endsValue(token))
    unreadable(place, `${token.text} stands where a value is expected: write NAME = VALUE;`);
  reader.at++;
  if (token.kind === "string" && token.computed !== true)
    return { kind: "scalar", place, value: token.text };
  if (token.kind === "path") return { kind: "scalar", place, value: token.text };
  if (token.kind === "number") return { kind: "scalar", place, value: Number(token.text) };
  if (token.kind !== "name") return { kind: "other", place };
  if (Object.hasOwn(words, token.text))
    return { kind: "scalar", place, value: words[token.text] ?? null };
  let last = token;
  while (isMark(peek(reader), ".") && peek(reader, 1).kind === "name") {
    last = peek(reader, 1);
    reader.at += 2;
  }
  // lib.mkDefault VALUE is VALUE with another priority.
  return priorities.has(last.text) && !endsValue(peek(reader))
    ? readValue(reader, depth + 1)
    : { kind: "other", place };
}

function readList(reader: Reader, depth: number): NixValue {
  const { place } = peek(reader);
  if (depth > maxNesting) unreadable(place, `it is nested more than ${maxNesting} deep`);
  const items: NixValue[] = [];
  for (reader.at++; ; ) {
    if (isMark(peek(reader), "]")) {
      reader.at++;
      return { kind: "list", place, items };
    }
    items.push(readTerm(reader, depth + 1));
  }
}

/** Moves to the mark that ends what stands here, over anything in brackets; `also` does not end it. */
function skip(reader: Reader, also?: string): void {
  let depth = 0;
  for (;;) {
    const token = peek(reader);
    if (token.kind === "end")
      unreadable(token.place, "the file ends in the middle: a bracket or ; is missing");
    if (depth === 0 && endsValue(token) && !isMark(token, also ?? "")) return;
    if (token.kind === "mark" && ["{", "[", "(", "${"].includes(token.text)) depth++;
    if (token.kind === "mark" && ["}", "]", ")"].includes(token.text)) depth--;
    reader.at++;
  }
}
