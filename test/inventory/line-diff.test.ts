import { expect, test } from "vitest";
import { lineDiff } from "../../src/inventory/line-diff.ts";

test.each<[string, string, string[]]>([
  ["a\nb\n", "a\nb\n", []],
  ["a\nb\nc", "a\nc", [" a", "-b", " c"]],
  ["a\nc", "a\nb\nc", [" a", "+b", " c"]],
  ["a\nb\nc", "a\nx\nc", [" a", "-b", "+x", " c"]],
  ["", "a", ["-", "+a"]],
  ["a\na\nb", "b\na\na", ["+b", " a", " a", "-b"]],
])("from %j to %j", (before, after, lines) => {
  expect(lineDiff(before, after)).toEqual(lines);
});
