// The statements of dhcpd.conf(5) and dhcpd.leases(5) as a tree: words up to `;`, or words and a block in braces.
// Knows no statement but `include`.

import { createIscLexer, decodeText, type IscLexer, type Token } from "./isc-lexer.ts";
import {
  includedPath,
  maxIncludes,
  maxNesting,
  maxWords,
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
  return [...statementsOf(createIscLexer(text, file), 0, { readFile, files: 0, words: 0 })];
}

/** The statements of a file without `include`, one at a time: a lease file is large. Throws what `unreadable` throws. */
export function* iscStatements(text: string, file: string): Generator<Statement> {
  const state: State = { readFile: undefined, files: 0, words: 0 };
  for (const statement of statementsOf(createIscLexer(text, file), 0, state)) {
    yield statement;
    state.words = 0;
  }
}

interface State {
  /** Undefined where `include` is a statement like any other. */
  readonly readFile: ReadFile | undefined;
  files: number;
  words: number;
}

function* statementsOf(
  lexer: IscLexer,
  depth: number,
  state: State,
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
    const statement = readStatement(lexer, depth, state);
    if (state.readFile !== undefined && isInclude(statement))
      yield* included(statement, depth, state, state.readFile);
    else yield statement;
  }
}

function readStatement(lexer: IscLexer, depth: number, state: State): Statement {
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
      return { words, block: [...statementsOf(lexer, depth + 1, state, token)] };
    }
    if (token.kind === "end" || isMark(token, "}"))
      unreadable((words.at(-1) ?? token).place, `there is no ; between this and ${token.text}`);
    words.push(token);
    if (++state.words > maxWords)
      unreadable(token.place, `there are more than ${maxWords} words: split the file up`);
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

function* included(
  { words }: Statement,
  depth: number,
  state: State,
  readFile: ReadFile,
): Generator<Statement> {
  const [keyword, path] = words;
  if (keyword === undefined || path === undefined) return;
  state.files++;
  if (state.files > maxIncludes || depth >= maxNesting)
    unreadable(
      keyword.place,
      `more than ${maxIncludes} files are included: does one include itself?`,
    );
  const file = includedPath(path.place.file, decodeText(path.text));
  const read = readFile(file);
  if ("error" in read)
    unreadable(path.place, `the included file ${file} can't be read: ${read.error}`);
  yield* statementsOf(createIscLexer(read.bytes.toString("latin1"), file), depth + 1, state);
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
