// The words of dhcpd.conf(5) and dhcpd.leases(5), one at a time. Knows no statement.
// Text is one character per octet (latin1), because a uid in a lease file is any octets at all.

import { type Place, placesIn, unreadable } from "./source.ts";

export interface Token {
  readonly kind: "word" | "string" | "mark" | "end";
  readonly text: string;
  readonly place: Place;
}

export interface IscLexer {
  peek(): Token;
  next(): Token;
}

const space = /[ \t\r\f\v]+/y;
const comment = /#[^\n]*/y;
const plainText = /[^"\\\n]+/y;
const word = /[^\s{};,"()=<>!~?|&+#]+/y;

/** Throws what `unreadable` throws for a string without its end. */
export function createIscLexer(text: string, file: string): IscLexer {
  let offset = 0;
  const placeOf = placesIn(text, file);
  let ahead: Token | undefined;

  const skip = (pattern: RegExp) => {
    pattern.lastIndex = offset;
    if (!pattern.test(text)) return false;
    offset = pattern.lastIndex;
    return true;
  };
  const skipBlank = () => {
    for (;;) {
      if (text[offset] === "\n") offset++;
      else if (!skip(space) && !skip(comment)) return;
    }
  };
  const string = (place: Place): Token => {
    const parts: string[] = [];
    for (offset++; ; ) {
      const character = text[offset];
      if (character === undefined) unreadable(place, 'this string has no closing "');
      if (character === '"') break;
      if (character === "\\") {
        const [octet, length] = escaped(text, offset + 1);
        parts.push(octet);
        offset += 1 + length;
      } else {
        const start = offset;
        if (!skip(plainText)) offset++;
        parts.push(text.slice(start, offset));
      }
    }
    offset++;
    return { kind: "string", text: parts.join(""), place };
  };
  const read = (): Token => {
    skipBlank();
    const place = placeOf(offset);
    const character = text[offset];
    if (character === undefined) return { kind: "end", text: "the end of the file", place };
    if (character === '"') return string(place);
    const start = offset;
    if (skip(word)) return { kind: "word", text: text.slice(start, offset), place };
    offset++;
    return { kind: "mark", text: character, place };
  };
  return {
    peek: () => {
      ahead ??= read();
      return ahead;
    },
    next: () => {
      const token = ahead ?? read();
      ahead = undefined;
      return token;
    },
  };
}

/** What follows a backslash: three octal digits, `x` and two hexadecimal ones, a letter's control character, or itself. */
function escaped(text: string, at: number): [string, number] {
  const rest = text.slice(at, at + 3);
  if (/^[0-3][0-7]{2}/.test(rest)) return [String.fromCharCode(Number.parseInt(rest, 8)), 3];
  if (/^x[0-9a-fA-F]{2}/.test(rest))
    return [String.fromCharCode(Number.parseInt(rest.slice(1), 16)), 3];
  const control = { t: "\t", n: "\n", r: "\r", b: "\b" }[rest[0] ?? ""];
  return [control ?? rest[0] ?? "", rest === "" ? 0 : 1];
}

/** The octets of a token as the text they are in UTF-8. */
export function decodeText(octets: string): string {
  return Buffer.from(octets, "latin1").toString("utf8");
}
