import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { unifiedDiff } from "../../src/inventory/unified-diff.ts";

const names = { from: "a/f", to: "b/f" };
const folder = mkdtempSync(join(tmpdir(), "rackstrap-diff-"));
afterAll(() => rmSync(folder, { recursive: true }));

const numbered = (count: number, change: (line: number) => string | undefined = () => undefined) =>
  Array.from({ length: count }, (_, index) => `${change(index) ?? `line ${index}`}\n`).join("");

test("equal texts differ in nothing", () => {
  expect(unifiedDiff(names, "a\n", "a\n")).toEqual([]);
  expect(unifiedDiff(names, undefined, undefined)).toEqual([]);
});

test("shows three lines around each change, and near changes as one", () => {
  const after = numbered(30, (line) => ([5, 9, 25].includes(line) ? "other" : undefined));
  expect(unifiedDiff(names, numbered(30), after).filter((line) => line.startsWith("@@"))).toEqual([
    "@@ -3,11 +3,11 @@",
    "@@ -23,7 +23,7 @@",
  ]);
});

test("a file that is new or gone is compared with /dev/null", () => {
  expect(unifiedDiff(names, undefined, "a\n")).toEqual([
    "--- /dev/null",
    "+++ b/f",
    "@@ -0,0 +1,1 @@",
    "+a",
  ]);
  expect(unifiedDiff(names, "a\n", undefined)).toEqual([
    "--- a/f",
    "+++ /dev/null",
    "@@ -1,1 +0,0 @@",
    "-a",
  ]);
});

test("very long texts that differ throughout are shown as replaced, in bounded time", () => {
  const lines = unifiedDiff(
    names,
    numbered(5000),
    numbered(5000, (line) => `other ${line}`),
  );
  expect(lines).toHaveLength(2 + 1 + 10_000);
});

describe("git apply", () => {
  const texts: readonly (readonly [string, string, string])[] = [
    ["a change", numbered(20), numbered(20, (line) => (line === 7 ? "other" : undefined))],
    ["an insertion at the start", numbered(9), `first\n${numbered(9)}`],
    ["an insertion at the end", numbered(9), `${numbered(9)}last\n`],
    ["a removal", numbered(20), numbered(20).replace("line 3\nline 4\n", "")],
    ["a line end that is missing after", "a\nb\nc\n", "a\nb\nc"],
    ["a line end that was missing before", "a\nb\nc", "a\nb\nc\n"],
    ["a last line without its end in both", "a\nb\nc", "a\nx\nc"],
    ["everything taken away", "a\nb\n", ""],
    ["lines that repeat", "a\n\na\n\na\n", "a\n\n\na\n"],
  ];
  it.each(texts)("makes the second text of the first with %s", (_what, before, after) => {
    writeFileSync(join(folder, "f"), before);
    const input = `${unifiedDiff(names, before, after).join("\n")}\n`;
    execFileSync("git", ["apply", "--unidiff-zero", "-"], { cwd: folder, input });
    expect(readFileSync(join(folder, "f"), "utf8")).toBe(after);
  });

  it("makes a new file and takes it away again", () => {
    rmSync(join(folder, "f"), { force: true });
    const apply = (lines: readonly string[]) =>
      execFileSync("git", ["apply", "-"], { cwd: folder, input: `${lines.join("\n")}\n` });
    apply(unifiedDiff(names, undefined, "a\nb\n"));
    expect(readFileSync(join(folder, "f"), "utf8")).toBe("a\nb\n");
    apply(unifiedDiff(names, "a\nb\n", undefined));
    expect(existsSync(join(folder, "f"))).toBe(false);
  });
});
