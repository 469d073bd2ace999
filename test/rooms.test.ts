import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { expect, test } from "vitest";

const src = join(import.meta.dirname, "../src");

// From left to right: a room may import any room left of its group. Rooms of one group are strangers.
const groups: readonly (readonly string[])[] = [
  ["net"],
  ["dhcp", "tftp", "bmc", "install", "cluster", "ups", "pki"],
  ["inventory"],
  ["nodes"],
  ["boot"],
  ["generate", "preflight"],
  ["verify"],
  ["operations"],
  ["diagnose"],
  ["store"],
  ["bootplane"],
  ["api"],
  ["serve"],
  ["serve.ts"],
  ["cli"],
];

function mayImport(room: string): readonly string[] {
  const index = groups.findIndex((group) => group.includes(room));
  return groups.slice(0, index).flat();
}

const roomOf = (file: string) => relative(src, file).split(sep)[0] ?? "";

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => join(src, file));

const relativeImport = /(?:\bfrom\b|\bimport\b)\s*\(?\s*["'](\.[^"']+)["']/g;

test("every source file stands in a known room", () => {
  const known = groups.flat();
  expect(files.filter((file) => !known.includes(roomOf(file)))).toEqual([]);
});

test("imports point to the left, and never out of src", () => {
  const wrong = files.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(relativeImport)].flatMap(([, target = ""]) => {
      const room = roomOf(normalize(join(dirname(file), target)));
      const allowed = room === roomOf(file) || mayImport(roomOf(file)).includes(room);
      return allowed ? [] : [`${relative(src, file)} -> ${target}`];
    }),
  );
  expect(wrong).toEqual([]);
});

test("only cli and serve.ts touch the exit code", () => {
  const ending = files.filter((file) =>
    /\bprocess\.exit(?:Code)?\b/.test(readFileSync(file, "utf8")),
  );
  expect(ending.filter((file) => !["cli", "serve.ts"].includes(roomOf(file)))).toEqual([]);
});
