// The statements of dhcpd.conf(5) and dhcpd.leases(5) as a tree: words up to `;`, or words and a block in braces.
// Knows no statement but `include`.

import { createIscLexer, decodeText, type IscLexer, type Token } from "./isc-lexer.ts";
import {
  includedPath,
  maxIncludes,
  maxNesting,
  type Place,
  type ReadFile,
  startOf,
  unreadable,
} from "./source.ts";

export interface Statement {
  /** At least one. */
  readonly words: readonly Token[];
  /** Undefined where the statement ends with `;`. */
  readonly block: readonly Statement[] | undefined;
}

/** All statements of a file, those of included files in their place. Throws what `unreadable` throws. */
export function parseIscStatements(text: string, file: string, readFile: ReadFile): Statement[] {
  const state = { readFile, files: 0 };
  return [...statementsOf(createIscLexer(text, file), 0, state)];
}

/** The statements of a file without `include`, one at a time: a lease file is large. Throws what `unreadable` throws. */
export function iscStatements(text: string, file: string): Generator<Statement> {
  return statementsOf(createIscLexer(text, file), 0, undefined);
}

interface Includes {
  readonly readFile: ReadFile;
  files: number;
}

function* statementsOf(
  lexer: IscLexer,
  depth: number,
  includes: Includes | undefined,
  closing?: Token,
): Generator<Statement> {
  for (;;) {
    const token = lexer.peek();
    if (token.kind === "end") {
      if (closing !== undefined) unreadable(closing.place, "this { has no closing }");
      return;
    }
    if (isMark(token, "}") && closing !== undefined) {
      lexer.next();
      return;
    }
    // `};` is how named.conf writes the end of a block, and keys are shared with it.
    if (isMark(token, ";")) {
      lexer.next();
      continue;
    }
    const statement = readStatement(lexer, depth, includes);
    if (includes !== undefined && isInclude(statement)) yield* included(statement, depth, includes);
    else yield statement;
  }
}

function readStatement(lexer: IscLexer, depth: number, includes: Includes | undefined): Statement {
  const words: Token[] = [];
  for (;;) {
    const token = lexer.next();
    if (isMark(token, ";")) return { words, block: undefined };
    if (isMark(token, "{")) {
      if (isOptionRecord(words)) {
        words.push(...recordWords(lexer, token));
        continue;
      }
      if (words.length === 0) unreadable(token.place, "this { belongs to no statement");
      if (depth >= maxNesting)
        unreadable(token.place, `blocks are nested deeper than ${maxNesting}: flatten them`);
      return { words, block: [...statementsOf(lexer, depth + 1, includes, token)] };
    }
    if (token.kind === "end" || isMark(token, "}"))
      unreadable((words.at(-1) ?? token).place, `there is no ; between this and ${token.text}`);
    words.push(token);
  }
}

/** `option NAME code N = [array of] { ip-address, integer 8 };` has braces that are no block. */
function isOptionRecord(words: readonly Token[]): boolean {
  return words[0]?.text === "option" && words[2]?.text === "code";
}

function recordWords(lexer: IscLexer, opening: Token): Token[] {
  const words: Token[] = [opening];
  for (;;) {
    const token = lexer.next();
    if (token.kind === "end") unreadable(opening.place, "this { has no closing }");
    words.push(token);
    if (isMark(token, "}")) return words;
  }
}

function isInclude({ words, block }: Statement): boolean {
  return words[0]?.text === "include" && words[1]?.kind === "string" && block === undefined;
}

function* included({ words }: Statement, depth: number, includes: Includes): Generator<Statement> {
  const [keyword, path] = words;
  if (keyword === undefined || path === undefined) return;
  includes.files++;
  if (includes.files > maxIncludes || depth >= maxNesting)
    unreadable(
      keyword.place,
      `more than ${maxIncludes} files are included: does one include itself?`,
    );
  const file = includedPath(path.place.file, decodeText(path.text));
  const read = includes.readFile(file);
  if ("error" in read)
    unreadable(path.place, `the included file ${file} can't be read: ${read.error}`);
  yield* statementsOf(createIscLexer(read.bytes.toString("latin1"), file), depth + 1, includes);
}

export function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === "mark" && token.text === text;
}

/** The statement's words in one line, for messages. */
export function formatStatement({ words, block }: Statement): string {
  const text = words
    .map(({ kind, text }) => (kind === "string" ? JSON.stringify(decodeText(text)) : text))
    .join(" ")
    .replaceAll(/ ([,;)(])/g, "$1")
    .replaceAll("( ", "(");
  const short = text.length > 80 ? `${text.slice(0, 79)}…` : text;
  return block === undefined ? short : `${short} { … }`;
}

export function placeOf({ words }: Statement): Place {
  return words[0]?.place ?? startOf("");
}
