// The whole tree of the runbook's site. UPDATE_GOLDEN=1 writes it anew: read the difference before it is committed.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { generate, generators } from "../../src/generate/generators.ts";
import { siteWith } from "./site.ts";

const golden = join(import.meta.dirname, "../fixtures/generate/tree");
const names = new Set(generators.map(({ name }) => name));

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => relative(golden, path));
}

test("the runbook's site makes this tree, byte for byte", () => {
  const { files } = generate(siteWith(), names);
  if (process.env["UPDATE_GOLDEN"] === "1") {
    rmSync(golden, { recursive: true, force: true });
    for (const { path, text } of files) {
      mkdirSync(dirname(join(golden, path)), { recursive: true });
      writeFileSync(join(golden, path), text);
    }
  }
  const written = filesIn(golden).map((path) => [path, readFileSync(join(golden, path), "utf8")]);
  expect(Object.fromEntries(files.map(({ path, text }) => [path, text]))).toEqual(
    Object.fromEntries(written),
  );
});

test("what was generated from the tree before is the same tree, a year after", () => {
  const first = generate(siteWith(), names).files;
  const before = new Map(first.map(({ path, text }) => [path, text]));
  const nowMs = Date.UTC(2027, 0, 2);
  const again = generate(siteWith({ previous: (path) => before.get(path), nowMs }), names).files;
  expect(again).toEqual(first);
});

test("no file has a login of a BMC, or says where its password is", () => {
  for (const { path, text } of generate(siteWith(), names).files)
    expect(text, path).not.toMatch(/password|\badmin\b|PRIVATE KEY/i);
});
