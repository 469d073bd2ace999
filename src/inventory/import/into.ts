// Adds imported nodes to the text of an inventory by inserting lines, so that everything else of the file, its comments and
// its layout included, stays byte for byte. Pure; reads and writes no file.

import { isMap, isScalar, LineCounter, type Pair, parseDocument, type YAMLMap } from "yaml";
import { parseMac } from "../../net/mac.ts";
import type { NodeEntry } from "./carry-nodes.ts";
import { nodeLines, scalar } from "./format-inventory.ts";
import { type Note, type Read, startOf, total, unreadable } from "./source.ts";

export interface Insertion {
  /** In the text, at the beginning of a line. */
  readonly offset: number;
  readonly lines: readonly string[];
}

export interface Merged {
  readonly text: string;
  readonly insertions: readonly Insertion[];
  readonly added: readonly string[];
  readonly completed: readonly string[];
  readonly notes: readonly Note[];
}

/** The file's own nodes, as far as they matter here. */
interface Target {
  readonly text: string;
  readonly file: string;
  readonly nodes: YAMLMap | undefined;
  /** Where an empty `nodes:` stands. */
  readonly heading: number | undefined;
  readonly indent: number;
  readonly names: ReadonlyMap<string, Pair>;
  readonly macs: ReadonlyMap<string, string>;
  readonly retired: ReadonlySet<string>;
  readonly profiles: ReadonlySet<string>;
  readonly lineOf: (offset: number) => number;
}

/**
 * New nodes go behind the last one; a node whose MAC is in the file already is given the serial number, rack and addresses
 * that it lacks. What the file says counts: what differs from it, and names that are taken, are noted.
 */
export function mergeInto(
  text: string,
  file: string,
  nodes: ReadonlyMap<string, NodeEntry>,
): Read<Merged> {
  return total(() => {
    const target = readTarget(text, file);
    const insertions: Insertion[] = [];
    const [added, completed, notes]: [string[], string[], Note[]] = [[], [], []];
    const fresh: string[] = [];
    for (const [name, node] of nodes) {
      const known = target.macs.get(node.mac);
      const refusal = known === undefined ? refusalOf(name, node, target) : undefined;
      const note = (line: number, what: string, instead: string) =>
        notes.push({
          place: { file, line, column: 1 },
          what: `node ${known ?? name}${what}`,
          instead,
        });
      if (refusal !== undefined) note(refusal.line, "", refusal.instead);
      else if (known === undefined) {
        if (node.profile !== undefined && !target.profiles.has(node.profile))
          note(
            1,
            `: profile ${node.profile}`,
            "the file has no such profile: declare it under profiles, or choose another one",
          );
        fresh.push(...nodeLines(name, node));
        added.push(name);
      } else {
        const insertion = complete(known, node, target, note);
        if (insertion !== undefined) {
          insertions.push(insertion);
          completed.push(known);
        }
      }
    }
    if (fresh.length > 0) insertions.push(appended(fresh, target));
    const merged = insert(text, insertions);
    const [fault] = parseDocument(merged, { prettyErrors: false }).errors;
    if (fault !== undefined)
      unreadable(
        startOf(file),
        `nodes can't be written into it line by line (${fault.message}): add them by hand`,
      );
    return { text: merged, insertions, added, completed, notes };
  });
}

function readTarget(text: string, file: string): Target {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const lineOf = (offset: number) => Math.max(counter.linePos(offset).line, 1);
  const [error] = document.errors;
  if (error !== undefined)
    unreadable(
      { file, line: lineOf(error.pos[0]), column: 1 },
      `it is not valid YAML: ${error.message}`,
    );
  const root = document.contents;
  if (!isMap(root) || root.flow === true)
    unreadable(startOf(file), "its settings are not one on a line: add the nodes by hand");
  const pair = root.items.find(({ key }) => isScalar(key) && key.value === "nodes");
  const value = pair?.value;
  const isEmpty = pair === undefined || (isScalar(value) && value.value === null);
  const place = { file, line: lineOf(offsetOf(pair)), column: 1 };
  if (isMap(value) && value.items.length === 0)
    unreadable(place, "take the {} behind nodes: away, so that nodes can be written under it");
  if (!isEmpty && (!isMap(value) || value.flow === true))
    unreadable(place, "its nodes are not one on a line: add the nodes by hand");
  const nodes = isEmpty || !isMap(value) ? undefined : value;
  const names = pairsOf(nodes);
  return {
    text,
    file,
    nodes,
    heading: pair === undefined ? undefined : offsetOf(pair),
    indent: nodes === undefined ? 2 : columnOf(text, offsetOf(nodes.items[0])),
    names,
    macs: new Map([...names].flatMap(([name, { value: node }]) => macOf(node, name))),
    retired: new Set(
      [...pairsOf(document.get("retired")).keys()].map((mac) => parseMac(mac) ?? mac),
    ),
    profiles: new Set(pairsOf(document.get("profiles")).keys()),
    lineOf,
  };
}

function pairsOf(map: unknown): Map<string, Pair> {
  return new Map(isMap(map) ? map.items.map((pair) => [textOf(pair.key), pair] as const) : []);
}

function textOf(node: unknown): string {
  return isScalar(node) ? String(node.value) : "";
}

function macOf(node: unknown, name: string): [string, string][] {
  const mac = parseMac(textOf(isMap(node) ? node.get("mac", true) : undefined));
  return mac === undefined ? [] : [[mac, name]];
}

function offsetOf(pair: Pair | undefined): number {
  return isScalar(pair?.key) ? (pair.key.range?.[0] ?? 0) : 0;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

function refusalOf(name: string, { mac }: NodeEntry, target: Target) {
  const taken = target.names.get(name);
  if (taken !== undefined)
    return {
      line: target.lineOf(offsetOf(taken)),
      instead: `the file has a node of this name with another mac than ${mac}: add it under another name, or correct the mac`,
    };
  if (target.retired.has(mac))
    return { line: 1, instead: `${mac} is retired in this file: take it out of retired first` };
  return undefined;
}

const completable = ["serial", "provisioningAddress", "productionAddress", "rack"] as const;
const comparable = [...completable, "profile", "firmware", "disk"] as const;

type NoteLine = (line: number, what: string, instead: string) => void;

/** What the node in the file lacks, as lines behind its last one. */
function complete(
  name: string,
  node: NodeEntry,
  target: Target,
  note: NoteLine,
): Insertion | undefined {
  const pair = target.names.get(name);
  const own = pair?.value;
  if (pair === undefined || !isMap(own)) return undefined;
  const line = target.lineOf(offsetOf(pair));
  for (const key of comparable) {
    const [value, written] = [node[key], own.get(key)];
    if (
      value !== undefined &&
      written !== undefined &&
      typeof written !== "object" &&
      String(written) !== value
    )
      note(
        line,
        `: ${key} ${value}`,
        `the file says ${String(written)}, which stays: correct one of the two`,
      );
  }
  const missing = completable.flatMap((key) => {
    const value = node[key];
    return value === undefined || own.has(key) ? [] : [`${key}: ${scalar(value)}`];
  });
  if (missing.length === 0) return undefined;
  if (own.flow === true) {
    note(line, "", `it stands on one line; add by hand: ${missing.join(", ")}`);
    return undefined;
  }
  const indent = columnOf(target.text, offsetOf(own.items[0]));
  return {
    offset: lineEnd(target.text, endOf(own)),
    lines: missing.map((text) => " ".repeat(indent) + text),
  };
}

function appended(lines: readonly string[], { text, nodes, indent, heading }: Target): Insertion {
  const indented = lines.map((line) => " ".repeat(indent) + line);
  if (nodes !== undefined) return { offset: lineEnd(text, endOf(nodes)), lines: indented };
  return heading === undefined
    ? { offset: text.length, lines: ["nodes:", ...indented] }
    : { offset: lineEnd(text, heading + 1), lines: indented };
}

/** Where the last value of nested block maps ends, without the comments behind it. */
function endOf(node: unknown): number {
  if (isMap(node) && node.flow !== true) {
    const last = node.items.at(-1);
    const end = endOf(last?.value);
    return end > 0 ? end : offsetOf(last);
  }
  const range = (node as { readonly range?: readonly number[] | null } | null | undefined)?.range;
  return range?.[1] ?? 0;
}

/** The beginning of the line behind the one that the offset is in. */
function lineEnd(text: string, offset: number): number {
  // A block scalar ends behind its line.
  if (offset > 0 && text[offset - 1] === "\n") return offset;
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end + 1;
}

function insert(text: string, insertions: readonly Insertion[]): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  let result = text;
  // From the end, so that the offsets before it still hold.
  for (const { offset, lines } of insertions.toReversed().toSorted((a, b) => b.offset - a.offset)) {
    const before = result.slice(0, offset);
    const gap = before === "" || before.endsWith("\n") ? "" : newline;
    result = `${before}${gap}${lines.join(newline)}${newline}${result.slice(offset)}`;
  }
  return result;
}

/** The insertions as a diff: two lines before and one behind each, the added ones marked with +. */
export function insertionDiff(text: string, insertions: readonly Insertion[]): string[] {
  return insertions
    .toSorted((a, b) => a.offset - b.offset)
    .flatMap(({ offset, lines }) => {
      const before = text
        .slice(0, offset)
        .replace(/\r?\n$/, "")
        .split(/\r?\n/);
      const after = text
        .slice(offset)
        .split(/\r?\n/, 1)
        .filter((line) => line !== "");
      return [
        `@@ line ${before.length} @@`,
        ...before.slice(-2).map((line) => ` ${line}`),
        ...lines.map((line) => `+${line}`),
        ...after.map((line) => ` ${line}`),
      ];
    });
}
