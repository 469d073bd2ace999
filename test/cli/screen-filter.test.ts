import { expect, test } from "vitest";
import { createScreenFilter } from "../../src/cli/screen-filter.ts";

function shown(printed: string, chunkBytes: number): string {
  const filter = createScreenFilter();
  const bytes = Buffer.from(printed, "latin1");
  let text = "";
  for (let offset = 0; offset < bytes.length; offset += chunkBytes)
    text += filter(bytes.subarray(offset, offset + chunkBytes)).toString("latin1");
  return text;
}

test.each<[string, string, string]>([
  ["text of any octets", "plain \x07\xe2\x94\x80\r\n", "plain \x07\xe2\x94\x80\r\n"],
  [
    "colours and cursor moves",
    "\x1b[2J\x1b[1;31mred\x1b[0m\x1bM",
    "\x1b[2J\x1b[1;31mred\x1b[0m\x1bM",
  ],
  ["a character set", "\x1b(0lqk\x1b(B", "\x1b(0lqk\x1b(B"],
  ["a private mode", "\x1b[=3h\x1b[?25l", "\x1b[=3h\x1b[?25l"],
  ["no title", "a\x1b]0;title\x07b", "ab"],
  ["no clipboard", "a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"],
  ["no device control string", "a\x1bP$q\x1b\\b", "ab"],
  ["no window report", "a\x1b[21tb", "ab"],
  ["a sequence that another cuts", "\x1b[12\x1b[0mb", "\x1b[0mb"],
  ["no endless sequence", `a\x1b[${"1".repeat(70)}\nb`, "a1111111\nb"],
])("lets through %s", (_, printed, expected) => {
  for (const chunkBytes of [1, 2, 1000]) expect(shown(printed, chunkBytes)).toBe(expected);
});
