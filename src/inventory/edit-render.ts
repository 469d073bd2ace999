// Writes plain data as YAML or JSON in the style of its neighbours.

import {
  Document,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  type Node,
  parseDocument,
  Scalar,
  visit,
  type YAMLSeq,
} from "yaml";

type Path = readonly (string | number)[];

/** Where an entry goes: the column of its key, the line break, and an entry beside it whose style it takes. */
interface Place {
  readonly indent: number;
  readonly newline: string;
  readonly sibling?: unknown;
}

// Sections and their entries (nodes.node01) have a line for each setting; what is below stands in braces.
const blockDepth = 2;

/** `path`'s last key with its value, as whole lines that end with a line break. */
export function renderEntry(path: Path, value: unknown, place: Place): string {
  const document = new Document({ [String(path.at(-1))]: value });
  const pair = isMap(document.contents) ? document.contents.items[0] : undefined;
  applyStyle(pair?.value, isCollection(place.sibling) ? place.sibling : undefined, path.length);
  if (isScalar(pair?.value) && isScalar(place.sibling)) keepQuotes(pair.value, place.sibling);
  const lines = withTightLists(document.toString({ lineWidth: 0 }))
    .trimEnd()
    .split("\n");
  const indent = " ".repeat(place.indent);
  return lines.map((line) => (line === "" ? "" : indent + line) + place.newline).join("");
}

/** A value on one line, such that it may stand in braces too; text is quoted as `old` was. */
export function renderInline(value: unknown, old: unknown, json: boolean): string {
  if (json) return JSON.stringify(value);
  const document = new Document([value]);
  const list = document.contents;
  if (!isCollection(list)) throw new Error("a list became something else");
  list.flow = true;
  const [item] = list.items;
  if (isScalar(item) && isScalar(old)) keepQuotes(item, old);
  return document.toString({ lineWidth: 0 }).trim().replace(/^\[ ?/, "").replace(/ ?\]$/, "");
}

/** `key: value` for a map in braces; over several lines in JSON whose entries stand on lines of their own, at this column. */
export function renderFlowPair(
  key: unknown,
  value: unknown,
  json: boolean,
  column?: number,
): string {
  if (!json)
    return `${renderInline(String(key), undefined, false)}: ${renderInline(value, undefined, false)}`;
  const indent = column === undefined ? "" : " ".repeat(column);
  const text = JSON.stringify(value, undefined, column === undefined ? 0 : 2);
  return `${JSON.stringify(String(key))}: ${text.replaceAll("\n", `\n${indent}`)}`;
}

/** `[a, b]` in place of `[ a, b ]`, which the YAML writer has no setting for. */
export function withTightLists(text: string): string {
  const gaps: (readonly [number, number])[] = [];
  visit(parseDocument(text), {
    Seq: (_key, list) => {
      if (list.flow === true) gaps.push(...gapsOf(text, list));
    },
  });
  const order = gaps.toSorted(([a], [b]) => b - a);
  return order.reduce((tight, [start, end]) => tight.slice(0, start) + tight.slice(end), text);
}

/** The blanks behind the first and before the last bracket. */
function gapsOf(text: string, { range, items }: YAMLSeq): (readonly [number, number])[] {
  const [first, last] = [items[0], items.at(-1)];
  if (!range || !isNode(first) || !isNode(last) || !first.range || !last.range) return [];
  const all = [
    [range[0] + 1, first.range[0]],
    [last.range[1], range[1] - 1],
  ] as const;
  return all.filter(([start, end]) => start < end && /^ +$/.test(text.slice(start, end)));
}

function keepQuotes(scalar: Scalar, old: Scalar): void {
  const quoted = old.type === Scalar.QUOTE_DOUBLE || old.type === Scalar.QUOTE_SINGLE;
  if (quoted && typeof scalar.value === "string") scalar.type = old.type as Scalar.Type;
}

/** Braces or lines, as the same setting of the neighbour has it. */
function applyStyle(node: unknown, sibling: unknown, depth: number): void {
  if (!isCollection(node)) return;
  const alike = isCollection(sibling) && isAlike(node, sibling);
  node.flow = node.items.length === 0 || (alike ? sibling.flow === true : depth > blockDepth);
  if (node.flow) return;
  for (const item of node.items)
    if (isPair(item) && isScalar(item.key))
      applyStyle(
        item.value,
        alike && isMap(sibling) ? sibling.get(item.key.value, true) : undefined,
        depth + 1,
      );
}

/** Entries that have a setting in common are of one kind. */
function isAlike(a: Node, b: Node): boolean {
  if (!isMap(a) || !isMap(b)) return isMap(a) === isMap(b);
  return a.items.some(({ key }) => isScalar(key) && b.has(key.value));
}
