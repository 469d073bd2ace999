// Feeds the inventory's reader files with everything wrong that chance brings about: pieces cut, doubled and exchanged, values of
// other kinds, characters of every sort. It must never throw, and always say where something is wrong.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { formatInventory } from "../../src/inventory/format.ts";
import { parseTexts } from "../../src/inventory/load.ts";
import { messageOf } from "../../src/net/error-text.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { type FuzzOptions, type FuzzReport, type FuzzStep, runFuzz } from "./report.ts";

type Random = (below: number) => number;

const repository = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(repository, file), "utf8");
const large = read("inventory/site.yaml");
const small = read("test/fixtures/inventory/good.yaml");
const pieces = [
  ...[
    "null",
    "[]",
    "{}",
    "~",
    "0",
    "-1",
    "1e400",
    "true",
    '""',
    "'",
    '"',
    "&a",
    "*a",
    "<<: *a",
    "!!binary x",
  ],
  ...[
    "10.0.300.0/24",
    "10.0.0.0/0",
    "255.255.255.255",
    "00:00:00:00:00:00",
    "__proto__",
    "constructor",
  ],
  ...[
    "toString: {}",
    "include: [a.yaml]",
    "nodes:",
    "nics: { eth0: {} }",
    "layout: { kind: luks }",
    "? [a]",
    ": ",
  ],
  ...[
    "\t",
    "\r\n",
    "\u0000",
    "\u2028",
    "\ud800",
    "- - -",
    "---",
    "...",
    "%YAML 1.1",
    "x".repeat(300),
  ],
];

export function fuzzInventory(options: FuzzOptions): FuzzReport {
  const random = seededRandom(options.seed);
  return runFuzz(options, () => step(random));
}

function step(random: Random): FuzzStep {
  const text = mutated(random, random(10) === 0 ? large : small);
  const second = random(10) === 0 ? [{ name: "b.yaml", text: mutated(random, "nodes: {}\n") }] : [];
  const problems: string[] = [];
  const startedMs = performance.now();
  let kind = "thrown";
  try {
    const parsed = parseTexts([{ name: "a.yaml", text }, ...second]);
    const told = "problems" in parsed ? parsed.problems : parsed.warnings;
    kind = "problems" in parsed ? "refused" : "taken";
    if (kind === "refused" && told.length === 0) problems.push("it was refused without a reason");
    for (const { line, column, message } of told)
      if (!(line >= 1 && column >= 1) || message === "")
        problems.push(`a problem at ${line}:${column}: ${message}`);
    // As rarely as it is done.
    if (random(200) === 0) formatInventory(text);
  } catch (error) {
    problems.push(`it threw: ${messageOf(error)}`);
  }
  const tookNs = (performance.now() - startedMs) * 1e6;
  const datagrams = [Buffer.from(text).toString("hex")];
  return {
    packets: 1,
    tookNs,
    kinds: [kind],
    problems: problems.map((problem) => ({ problem, datagrams })),
  };
}

function mutated(random: Random, text: string): string {
  let after = text;
  for (let count = 1 + random(4); count > 0; count -= 1) after = mutatedOnce(random, after);
  return after;
}

function mutatedOnce(random: Random, text: string): string {
  const lines = text.split("\n");
  const at = random(lines.length);
  const line = lines[at] ?? "";
  switch (random(8)) {
    case 0:
      return lines.toSpliced(at, 1).join("\n");
    case 1:
      return lines.toSpliced(random(lines.length), 0, line).join("\n");
    case 2:
      return lines.with(at, lines[random(lines.length)] ?? "").join("\n");
    case 3:
      return lines.with(at, line.replace(/:.*$/, `: ${pick(random, pieces)}`)).join("\n");
    case 4:
      return lines.with(at, line.replace(/^( *)\S+:/, `$1${pick(random, pieces)}:`)).join("\n");
    case 5:
      return lines.with(at, `${" ".repeat(random(8))}${line.trimStart()}`).join("\n");
    case 6:
      return text.slice(0, random(text.length + 1));
    default: {
      const offset = random(text.length + 1);
      return text.slice(0, offset) + pick(random, pieces) + text.slice(offset + random(12));
    }
  }
}

function pick(random: Random, from: readonly string[]): string {
  return from[random(from.length)] ?? "";
}
