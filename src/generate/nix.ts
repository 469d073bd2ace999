// Writes values as Nix expressions, as a person would lay them out. Whatever a text holds, it stays a text: no value can
// end its quotes or begin an interpolation.

/** A text that is Nix already. Only this program's own words are ever put into one. */
export interface Expression {
  readonly [source]: string;
}

/** A value with a comment above it, where it is an attribute or an entry of a list that stands on lines of its own. */
export interface Described {
  readonly [comment]: string;
  readonly value: Nix;
}

/** Attributes that are undefined are left out. */
export interface NixSet {
  readonly [name: string]: Nix | undefined;
}

export type Nix =
  | string
  | number
  | boolean
  | null
  | Expression
  | Described
  | readonly Nix[]
  | NixSet;

const source = Symbol("source");
const comment = Symbol("comment");
const lineWidth = 100;

/** `text` stands in the file as it is. */
export function expression(text: string): Expression {
  return { [source]: text };
}

/** `value` with `why` above it; each line of `why` becomes a comment of its own. */
export function described(why: string, value: Nix): Described {
  return { [comment]: why, value };
}

/** The comment lines, each ended by a line break. White space that could end a line is made a blank. */
export function commentLines(text: string, indent = ""): string {
  const lines = text.split("\n").map((line) => line.replaceAll(/\s/g, " ").trimEnd());
  return lines.map((line) => `${indent}${`# ${line}`.trimEnd()}\n`).join("");
}

/** The expression that evaluates to `value`. Throws for what Nix cannot hold: NUL, half a character, no finite number. */
export function printNix(value: Nix, indent = ""): string {
  if (typeof value === "string")
    return isPlainLines(value) ? printLines(value, indent) : quote(value);
  if (typeof value === "number") return printNumber(value);
  if (typeof value === "object" && value !== null) return printStructure(value, indent);
  return String(value);
}

/** One attribute with its semicolon: sets of a single attribute are written as a path, as in `services.openssh.enable = true;`. */
export function printAttribute(name: string, value: Nix, indent: string): string {
  let path = attributeName(name);
  let inner = value;
  let above = "";
  for (;;) {
    if (isDescribed(inner)) {
      above += commentLines(inner[comment], indent);
      inner = inner.value;
      continue;
    }
    const only = isSet(inner) ? entriesOf(inner) : [];
    const [first] = only;
    if (first === undefined || only.length > 1) break;
    path += `.${attributeName(first[0])}`;
    inner = first[1];
  }
  return `${above}${indent}${path} = ${printNix(inner, indent)};\n`;
}

function printStructure(
  value: Expression | Described | readonly Nix[] | NixSet,
  indent: string,
): string {
  if (isList(value)) return printList(value, indent);
  if (isExpression(value)) return value[source];
  if (isDescribed(value)) return printNix(value.value, indent);
  const entries = entriesOf(value);
  if (entries.length === 0) return "{ }";
  const inner = entries.map(([name, part]) => printAttribute(name, part, `${indent}  `));
  return `{\n${inner.join("")}${indent}}`;
}

function printList(list: readonly Nix[], indent: string): string {
  if (list.length === 0) return "[ ]";
  const flat = list.map((entry) => entryText(entry, indent));
  const oneLine = `[ ${flat.join(" ")} ]`;
  const fits = !oneLine.includes("\n") && indent.length + oneLine.length < lineWidth - 30;
  if (fits && !list.some((entry) => isSet(entry) || isDescribed(entry))) return oneLine;
  const deeper = `${indent}  `;
  const lines = list.map((entry) => {
    const above = isDescribed(entry) ? commentLines(entry[comment], deeper) : "";
    return `${above}${deeper}${entryText(entry, deeper)}\n`;
  });
  return `[\n${lines.join("")}${indent}]`;
}

/** In a list, what begins with a sign or is made of several words needs parentheses. */
function entryText(entry: Nix, indent: string): string {
  const text = printNix(entry, indent);
  const bare = isDescribed(entry) ? entry.value : entry;
  const several = isExpression(bare) && /[\s]/.test(text);
  return several || (typeof bare === "number" && text.startsWith("-")) ? `(${text})` : text;
}

function printNumber(value: number): string {
  if (Number.isSafeInteger(value)) return String(value + 0);
  if (!Number.isFinite(value) || Number.isInteger(value))
    throw new Error(`${value} cannot be written as a number of Nix`);
  const [digits = "", exponent] = String(value).split("e");
  const fraction = digits.includes(".") ? digits : `${digits}.0`;
  return exponent === undefined ? fraction : `${fraction}e${exponent}`;
}

/** `"…"`, on one line. */
function quote(text: string): string {
  if (text.includes("\0") || !text.isWellFormed())
    throw new Error("a text with NUL or half a character cannot be written in Nix");
  const escaped = text
    .replaceAll(/["\\]|\$(?=\{)/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `"${escaped}"`;
}

/**
 * Texts that lose nothing in `''…''`, where Nix takes away the indentation that all lines share: several lines, the first
 * of them not indented, nothing in them that is special there.
 */
function isPlainLines(text: string): boolean {
  const body = text.endsWith("\n") ? text.slice(0, -1).split("\n") : [];
  return (
    body.length > 0 &&
    /^\S/.test(body[0] ?? "") &&
    body.every((line) => /^(?:|[ ]*[!-~](?:[ -~]*[!-~])?)$/.test(line)) &&
    !/''|\$\{|'$/m.test(text)
  );
}

function printLines(text: string, indent: string): string {
  const lines = text.slice(0, -1).split("\n");
  const shown = lines.map((line) => (line === "" ? "\n" : `${indent}  ${line}\n`));
  return `''\n${shown.join("")}${indent}''`;
}

// `or` is no keyword of the grammar, and is not taken as a name everywhere.
const reserved = new Set(
  "if then else assert with let in rec inherit or true false null".split(" "),
);

function attributeName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) && !reserved.has(name) ? name : quote(name);
}

const isList = (value: Nix): value is readonly Nix[] => Array.isArray(value);
const isObject = (value: Nix): value is Expression | Described | NixSet =>
  typeof value === "object" && value !== null && !isList(value);
const isExpression = (value: Nix): value is Expression => isObject(value) && source in value;
const isDescribed = (value: Nix): value is Described => isObject(value) && comment in value;
const isSet = (value: Nix): value is NixSet =>
  isObject(value) && !isExpression(value) && !isDescribed(value);

function entriesOf(set: NixSet): readonly (readonly [string, Nix])[] {
  return Object.entries(set).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
}
