// A tolerant reader of shell text: which commands stand in it, on which lines, and how they are joined. Runs nothing, and
// takes whatever it is given: what it can't make out is a command with odd words.

export interface Word {
  /** Without its quotation marks. */
  readonly text: string;
  /** What the shell expands: without what stands in single quotes. */
  readonly live: string;
  readonly line: number;
}

export interface Command {
  /** The program's name without its folder, behind assignments, sudo and the like; empty when there is none. */
  readonly name: string;
  readonly words: readonly Word[];
  /** All words with blanks between them. */
  readonly text: string;
  readonly line: number;
  readonly background: boolean;
  /** The loops around it, the innermost last: for, while, until. */
  readonly loops: readonly string[];
  /** It is run on another machine, or by another shell. */
  readonly nested: boolean;
}

export interface Comment {
  readonly text: string;
  readonly line: number;
}

export interface ShellText {
  readonly commands: readonly Command[];
  readonly comments: readonly Comment[];
}

const maxDepth = 8;
const maxLoops = 16;
const maxCommands = 20_000;

interface Scan {
  readonly commands: Command[];
  readonly comments: Comment[];
}

/** Reads shell text whose first line is `firstLine` of its file. */
export function readShell(text: string, firstLine: number): ShellText {
  const scan: Scan = { commands: [], comments: [] };
  scanText(text, firstLine, [], 0, scan);
  return scan;
}

/** One run over a text: the position in it, and the command and word that are being read. */
interface Cursor {
  readonly text: string;
  readonly depth: number;
  readonly scan: Scan;
  at: number;
  line: number;
  words: Word[];
  word: { text: string; live: string; line: number } | undefined;
  loops: string[];
  /** A loop whose `do` has not come yet. */
  loop: string | undefined;
  readonly heredocs: string[];
}

function scanText(
  text: string,
  line: number,
  loops: readonly string[],
  depth: number,
  scan: Scan,
): void {
  if (depth > maxDepth) return;
  const cursor: Cursor = {
    text,
    depth,
    scan,
    at: 0,
    line,
    words: [],
    word: undefined,
    loops: [...loops],
    loop: undefined,
    heredocs: [],
  };
  while (cursor.at < text.length && scan.commands.length < maxCommands) step(cursor);
  endCommand(cursor, false);
}

function step(cursor: Cursor): void {
  const { text, at } = cursor;
  const character = text[at] ?? "";
  if (character === "\n") {
    endCommand(cursor, false);
    pass(cursor, 1);
    skipHeredocs(cursor);
  } else if (text.startsWith("\\\n", at)) {
    endWord(cursor);
    pass(cursor, 2);
  } else if (character === "\\") add(cursor, text[at + 1] ?? "", true, 2);
  else if (/\s/.test(character)) {
    endWord(cursor);
    pass(cursor, 1);
  } else if (character === "#" && cursor.word === undefined) readComment(cursor);
  else if (character === "'" && text.includes("'", at + 1)) {
    const end = text.indexOf("'", at + 1);
    add(cursor, text.slice(at + 1, end), false, end + 1 - at);
  } else if (character === '"') readDoubleQuoted(cursor);
  else if (text.startsWith("$(", at)) readSubstitution(cursor);
  else if (/[;&|()<>]/.test(character)) readOperator(cursor);
  else add(cursor, character, true, 1);
}

/** Moves on, counting lines. */
function pass(cursor: Cursor, count: number): void {
  const end = Math.min(cursor.at + count, cursor.text.length);
  for (; cursor.at < end; cursor.at++) if (cursor.text[cursor.at] === "\n") cursor.line++;
}

function add(cursor: Cursor, text: string, isLive: boolean, count: number): void {
  cursor.word ??= { text: "", live: "", line: cursor.line };
  cursor.word.text += text;
  if (isLive) cursor.word.live += text;
  pass(cursor, count);
}

function endWord(cursor: Cursor): void {
  if (cursor.word !== undefined) cursor.words.push(cursor.word);
  cursor.word = undefined;
}

function readComment(cursor: Cursor): void {
  const { text, at, line, scan } = cursor;
  const end = text.indexOf("\n", at);
  const comment = text.slice(at + 1, end === -1 ? text.length : end).trim();
  scan.comments.push({ text: comment, line });
  pass(
    cursor,
    comment === "" && end === -1 ? text.length - at : (end === -1 ? text.length : end) - at,
  );
}

function readDoubleQuoted(cursor: Cursor): void {
  const end = quoteEnd(cursor.text, cursor.at + 1);
  if (end === -1) {
    add(cursor, '"', true, 1);
    return;
  }
  const inner = cursor.text.slice(cursor.at + 1, end);
  scanSubstitutions(cursor, inner);
  add(cursor, inner.replaceAll(/\\(["\\$`])/g, "$1"), true, end + 1 - cursor.at);
}

/** The closing quotation mark, past those in `$(…)`; -1 when there is none. */
function quoteEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
    else if (text.startsWith("$(", at)) at = parenthesisEnd(text, at + 2);
  }
  return -1;
}

/** The `)` that closes what is open at `from`, or the last character. */
function parenthesisEnd(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === "\\") at++;
    else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end !== -1) at = end;
    } else if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at;
  }
  return text.length - 1;
}

/** Reads the commands of every `$(…)` in text that stands at the cursor, behind one character. */
function scanSubstitutions({ depth, line, loops, scan }: Cursor, inner: string): void {
  for (let at = inner.indexOf("$("); at !== -1; ) {
    const end = parenthesisEnd(inner, at + 2);
    const before = inner.slice(0, at).split("\n").length - 1;
    scanText(inner.slice(at + 2, end), line + before, loops, depth + 1, scan);
    at = inner.indexOf("$(", end);
  }
}

function readSubstitution(cursor: Cursor): void {
  const { text, at, line, loops, depth, scan } = cursor;
  const end = parenthesisEnd(text, at + 2);
  scanText(text.slice(at + 2, end), line, loops, depth + 1, scan);
  add(cursor, text.slice(at, end + 1), true, end + 1 - at);
}

function readOperator(cursor: Cursor): void {
  const { text, at } = cursor;
  const operator =
    /^(?:<<<|<<-?|&>>?|[0-9]?>>?&[0-9-]?|<&|&&|\|\||\|&|;;|<[a-z -]{1,20}>|.)/s.exec(
      text.slice(at, at + 24),
    )?.[0] ?? "";
  if (operator === "<<" || operator === "<<-") {
    endWord(cursor);
    pass(cursor, operator.length);
    const name = /^\s*(['"]?)([\w.-]+)\1/.exec(text.slice(cursor.at, cursor.at + 100));
    if (name?.[2] !== undefined) {
      cursor.heredocs.push(name[2]);
      pass(cursor, name[0].length);
    }
  } else if (/^[<&0-9]?[<>]/.test(operator) && operator !== "&") {
    // A placeholder such as <node-ip> is a word; what else has < or > is a redirection.
    if (/^<.+>$/.test(operator)) add(cursor, operator, true, operator.length);
    else {
      endWord(cursor);
      cursor.words.push({ text: operator, live: operator, line: cursor.line });
      pass(cursor, operator.length);
    }
  } else {
    endCommand(cursor, operator === "&");
    pass(cursor, Math.max(operator.length, 1));
  }
}

/** Passes over the bodies of the here documents that the last line opened. */
function skipHeredocs(cursor: Cursor): void {
  for (const name of cursor.heredocs.splice(0)) {
    while (cursor.at < cursor.text.length) {
      const end = cursor.text.indexOf("\n", cursor.at);
      const line = cursor.text.slice(cursor.at, end === -1 ? cursor.text.length : end);
      pass(cursor, line.length + (end === -1 ? 0 : 1));
      if (line.trim() === name) break;
    }
  }
}

const plainKeywords: ReadonlySet<string> = new Set([
  "then",
  "else",
  "elif",
  "if",
  "fi",
  "esac",
  "{",
  "}",
  "!",
  "time",
  "function",
]);
const prefixes: ReadonlySet<string> = new Set(["sudo", "env", "nohup", "exec", "command", "doas"]);

function endCommand(cursor: Cursor, background: boolean): void {
  endWord(cursor);
  const all = cursor.words;
  cursor.words = [];
  const words = all.slice(keywords(cursor, all));
  const [first] = words;
  if (
    first === undefined ||
    first.text === "for" ||
    first.text === "select" ||
    first.text === "case"
  )
    return;
  const at = words.findIndex(({ text }) => !/^[A-Za-z_]\w*=/.test(text) && !prefixes.has(text));
  const name = at === -1 ? "" : (words[at]?.text.split("/").at(-1) ?? "");
  const { loops, loop, depth, scan } = cursor;
  const around = loop === undefined ? [...loops] : [...loops, loop];
  const text = words.map((word) => word.text).join(" ");
  scan.commands.push({
    name,
    words,
    text,
    line: first.line,
    background,
    loops: around,
    nested: depth > 0,
  });
  const inner = innerShell(name, words.slice(at + 1));
  if (inner !== undefined) scanText(inner.text, inner.line, around, depth + 1, scan);
}

/** Takes note of the keywords in front of a command; returns how many there are. */
function keywords(cursor: Cursor, words: readonly Word[]): number {
  for (const [i, { text }] of words.entries()) {
    if (text === "for" || text === "select") cursor.loop = "for";
    else if (text === "while" || text === "until") cursor.loop = text;
    else if (text === "do") {
      if (cursor.loops.length < maxLoops) cursor.loops.push(cursor.loop ?? "for");
      cursor.loop = undefined;
    } else if (text === "done") cursor.loops.pop();
    if (["for", "select", "case"].includes(text)) return i;
    if (!["while", "until", "do", "done"].includes(text) && !plainKeywords.has(text)) return i;
  }
  return words.length;
}

const sshArguments = /^-[bcDEeFIiJLlmOopQRSWw]$/;

/** The text that ssh, `sh -c` and the like hand to another shell. */
function innerShell(name: string, words: readonly Word[]): Word | undefined {
  if (name === "ssh") {
    let at = 0;
    while (words[at]?.text.startsWith("-")) at += sshArguments.test(words[at]?.text ?? "") ? 2 : 1;
    const rest = words.slice(at + 1);
    const [first] = rest;
    const text = rest.map((word) => word.text).join(" ");
    return first === undefined ? undefined : { text, live: text, line: first.line };
  }
  const at = words.findIndex((word) => /^-[a-z]*c$/.test(word.text));
  return /^(?:ba|z|da)?sh$/.test(name) && at !== -1 ? words[at + 1] : undefined;
}
