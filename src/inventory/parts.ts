// Joins the texts of an inventory into one: a section may be spread over files, one of its entries stands in one file alone.

import type { Finding } from "./check.ts";
import type { Problem, YamlText } from "./yaml-text.ts";

type Path = readonly (string | number)[];
type PlainMap = Record<string, unknown>;

// Entries of a section stand in one file each; these are sections inside a section.
const innerSections: ReadonlySet<string> = new Set(["dhcp.subnets"]);

/** What all parts say together, and every key that two of them write. The first part is the main file. */
export function joinParts(parts: readonly YamlText[]): {
  readonly value: unknown;
  readonly problems: readonly Problem[];
} {
  const [main, ...others] = parts;
  let value = main?.value;
  const problems: Problem[] = [];
  for (const [index, part] of others.entries()) {
    const refuse = (finding: Finding) => problems.push(problemAt(part, finding));
    if (part.value === undefined) continue;
    if (!isPlainMap(part.value)) {
      refuse({
        path: [],
        message: "is not a map of settings: write the sections of an inventory, such as nodes:",
      });
      continue;
    }
    if (Object.hasOwn(part.value, "include"))
      refuse({
        path: ["include"],
        at: "key",
        message: `only ${main?.name} includes files: name this one's there`,
      });
    const earlier = parts.slice(0, index + 1);
    value = merge(value, part.value, [], (path) => {
      refuse({ path, at: "key", message: writtenTwice(path, earlier) });
    });
  }
  return { value, problems };
}

function writtenTwice(path: Path, parts: readonly YamlText[]): string {
  const first = ownerOf(parts, path);
  const { line, column } = first.place({ path, at: "key", message: "" });
  return `${path.join(".")} is written at ${first.name}:${line}:${column} already: keep one of the two`;
}

function merge(
  left: unknown,
  right: unknown,
  path: Path,
  onConflict: (path: Path) => void,
): unknown {
  if (!isPlainMap(left) || !isPlainMap(right)) return right ?? left;
  const merged: PlainMap = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const at = [...path, key];
    const before = merged[key];
    const isSection = path.length === 0 || innerSections.has(at.join("."));
    if (key === "include" && path.length === 0) continue;
    if (!Object.hasOwn(merged, key)) define(merged, key, value);
    else if (
      isSection &&
      (before === null || isPlainMap(before)) &&
      (value === null || isPlainMap(value))
    )
      define(merged, key, merge(before, value, at, onConflict));
    else onConflict(at);
  }
  return merged;
}

/** A key such as __proto__ is an entry like any other. */
function define(map: PlainMap, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

/** The part that has most of the path written, the first of those that have as much. */
function ownerOf(parts: readonly YamlText[], path: Path): YamlText {
  const best = parts.toSorted(
    (a, b) => writtenDepth(b.value, path) - writtenDepth(a.value, path),
  )[0];
  if (best === undefined) throw new Error("an inventory has at least one text");
  return best;
}

function writtenDepth(value: unknown, path: Path): number {
  let at = value;
  for (const [depth, key] of path.entries()) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return depth;
    at = (at as PlainMap)[key];
  }
  return path.length;
}

/** The findings as problems of the files they stand in, each once, in the order of the files. */
export function problemsIn(parts: readonly YamlText[], findings: readonly Finding[]): Problem[] {
  const distinct = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...distinct.values()]
    .map((finding) => {
      const part = ownerOf(parts, finding.path);
      const { offset } = part.place(finding);
      return { problem: problemAt(part, finding), index: parts.indexOf(part), offset };
    })
    .toSorted((a, b) => a.index - b.index || a.offset - b.offset)
    .map(({ problem }) => problem);
}

function problemAt(part: YamlText, finding: Finding): Problem {
  const { line, column } = part.place(finding);
  return { file: part.name, line, column, path: finding.path.join("."), message: finding.message };
}

function isPlainMap(value: unknown): value is PlainMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
