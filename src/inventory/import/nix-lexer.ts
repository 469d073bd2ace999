// The words of a Nix file, each with its place. Knows no grammar; a string that has `${…}` in it is marked as computed.

import { maxWords, type Place, placesIn, unreadable } from "./source.ts";

export interface NixToken {
  readonly kind: "name" | "string" | "number" | "path" | "mark" | "end";
  readonly text: string;
  readonly place: Place;
  /** A string whose text is only known once Nix has evaluated it. */
  readonly computed?: true;
}

// One at a time: a repeated group has no room for a long text.
const blank = /\s+|#[^\n]*/y;
const name = /[A-Za-z_][A-Za-z0-9_'-]*/y;
const number = /\d+(?:\.\d+)?/y;
const path =
  /(?:\.{0,2}|~|[A-Za-z0-9_.+-]+)\/[A-Za-z0-9_.+-][A-Za-z0-9_.+/-]*|<[A-Za-z0-9_.+/-]+>/y;
const mark = /\.\.\.|\$\{|==|!=|<=|>=|&&|\|\||->|\+\+|\/\/|[^\s]/y;

/** All words, ending with one of kind `end`. Throws what `unreadable` throws for a string or comment without its end. */
export function readNixTokens(text: string, file: string): NixToken[] {
  const tokens: NixToken[] = [];
  let offset = 0;
  const placeOf = placesIn(text, file);
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = offset;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    for (let space = take(blank); space !== undefined; space = take(blank)) offset += space.length;
    const place = placeOf(offset);
    if (text.startsWith("/*", offset)) {
      const end = text.indexOf("*/", offset + 2);
      if (end === -1) unreadable(place, "this comment has no closing */");
      offset = end + 2;
      continue;
    }
    if (offset >= text.length) {
      tokens.push({ kind: "end", text: "the end of the file", place });
      return tokens;
    }
    if (tokens.length >= maxWords)
      unreadable(place, `there are more than ${maxWords} words: split the file up`);
    const quote = text.startsWith("''", offset) ? "''" : text[offset] === '"' ? '"' : undefined;
    if (quote !== undefined) {
      const string = readString(text, offset + quote.length, quote);
      if (string === undefined) unreadable(place, `this string has no closing ${quote}`);
      offset = string.end;
      tokens.push({
        kind: "string",
        text: string.text,
        place,
        ...(string.computed && { computed: true }),
      });
      continue;
    }
    const [kind, word] = readWord(take);
    offset += word.length;
    tokens.push({ kind, text: word, place });
  }
}

function readWord(take: (pattern: RegExp) => string | undefined): [NixToken["kind"], string] {
  for (const [kind, pattern] of [
    ["path", path],
    ["name", name],
    ["number", number],
  ] as const) {
    const word = take(pattern);
    if (word !== undefined) return [kind, word];
  }
  return ["mark", take(mark) ?? ""];
}

interface NixString {
  readonly text: string;
  readonly end: number;
  readonly computed: boolean;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/** A string from behind its opening quote; undefined when it does not end. */
function readString(text: string, start: number, quote: string): NixString | undefined {
  const parts: string[] = [];
  let computed = false;
  for (let at = start; at < text.length; ) {
    const character = text[at] ?? "";
    if (quote === '"' && character === "\\") {
      const next = text[at + 1] ?? "";
      parts.push(escapes[next] ?? next);
      at += 2;
    } else if (quote === "''" && /^''(?:\$|'|\\)/.test(text.slice(at, at + 3))) {
      parts.push(text.slice(at + 2, at + 3));
      at += 3;
    } else if (text.startsWith(quote, at))
      return { text: parts.join(""), end: at + quote.length, computed };
    else if (text.startsWith("${", at)) {
      const end = text.indexOf("}", at);
      if (end === -1) return undefined;
      computed = true;
      at = end + 1;
    } else {
      parts.push(character);
      at++;
    }
  }
  return undefined;
}
