// No input makes an importer throw or hang: every prefix of each sample, and samples with pieces changed at random.

import { expect, it } from "vitest";
import { formatInventory } from "../../../src/inventory/import/format-inventory.ts";
import { mergeInto } from "../../../src/inventory/import/into.ts";
import { configKind, kinds, parseConfigs } from "../../../src/inventory/import/read.ts";
import { toInventory } from "../../../src/inventory/import/to-inventory.ts";
import { fixture } from "./read.ts";

const samples = ["pxe-server.nix", "inventory.json", "dnsmasq.conf", "machines.csv"] as const;
const pieces = [
  "{",
  "}",
  "[",
  "]",
  '"',
  "''",
  ";",
  ",",
  "=",
  ":",
  "\n",
  "\0",
  "/*",
  "#",
  "${",
  "\\",
  "\u00e9",
  "::",
  "in",
  "let ",
  "9".repeat(400),
  "{".repeat(400),
  " ",
];
const noFile = () => ({ error: "no such file" });

/** Numbers that look random and are the same in every run (a linear congruence). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function mutate(text: string, random: (below: number) => number): string {
  let result = text;
  for (let times = 1 + random(4); times > 0; times--) {
    const at = random(result.length + 1);
    const end = at + random(3) * random(40);
    const piece =
      random(4) === 0
        ? result.slice(random(result.length), random(result.length))
        : (pieces[random(pieces.length)] ?? "");
    result = result.slice(0, at) + piece + result.slice(end);
  }
  return result;
}

/** All that the command does with the text, as every kind there is. */
function importText(text: string): void {
  const bytes = Buffer.from(text);
  const known = configKind(bytes);
  for (const kind of new Set([known, ...kinds])) {
    const read = parseConfigs([{ file: "f", bytes, kind }], noFile);
    if ("malformed" in read) continue;
    const imported = toInventory(read.value);
    const lines = formatInventory(imported.inventory, ["f"]);
    expect(lines.every((line) => !line.includes("\n"))).toBe(true);
    mergeInto("nodes:\n  a:\n    mac: 52:54:00:12:34:56\n", "site.yaml", imported.inventory.nodes);
  }
}

it.each(samples)(
  "%s cut off anywhere",
  (name) => {
    const text = fixture(name).toString();
    const started = performance.now();
    for (let end = 0; end < text.length; end += 13) importText(text.slice(0, end));
    expect(performance.now() - started).toBeLessThan(30_000);
  },
  60_000,
);

it.each(samples)("%s with pieces changed at random, each within seconds", (name) => {
  const text = fixture(name).toString();
  const random = createRandom(7);
  for (let round = 0; round < 120; round++) {
    const mutated = mutate(text, random);
    const started = performance.now();
    importText(mutated);
    expect(performance.now() - started, `round ${round}`).toBeLessThan(5000);
  }
});

it.each<[string, string]>([
  ["brackets", "{[(".repeat(60_000)],
  ["blanks", " ".repeat(300_000)],
  ["comments", "#\n".repeat(100_000)],
  ["one word", "a".repeat(300_000)],
  ["slashes", "/a".repeat(100_000)],
  ["quotation marks", '"a"'.repeat(60_000)],
  ["commas", `mac,${",".repeat(100_000)}\n`],
])(
  "a long text of %s",
  (_, text) => {
    const started = performance.now();
    importText(text);
    expect(performance.now() - started).toBeLessThan(10_000);
  },
  30_000,
);
