import { describe, expect, it } from "vitest";
import { cut, formatDuration, formatTable, formatTime, printable } from "../../src/cli/table.ts";

describe("formatTable", () => {
  it("aligns columns under their header without trailing spaces", () => {
    expect(
      formatTable(
        ["NODE", "STATE"],
        [
          ["node01", "active"],
          ["n2", ""],
        ],
      ),
    ).toEqual(["NODE    STATE", "node01  active", "n2"]);
  });

  it("cuts a line that is too long", () => {
    const [, line] = formatTable(["A", "B"], [["1", "x".repeat(200)]], 20);
    expect(line).toBe(`1  ${"x".repeat(16)}…`);
  });

  it("shows control characters instead of sending them to the terminal", () => {
    const [, line] = formatTable(["A"], [["\u001b[2Jgone\n\u202e"]]);
    expect(line).toBe("\\x1b[2Jgone\\x0a\\x202e");
  });
});

describe("printable", () => {
  it("keeps letters of any script", () => {
    expect(printable("Zürich 東京 ok")).toBe("Zürich 東京 ok");
  });
});

describe("cut", () => {
  it.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["𝕒𝕓𝕔𝕕", 3, "𝕒𝕓…"],
  ])("makes %s at most %i long", (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
  });
});

describe("formatDuration", () => {
  it.each([
    [-5, "0s"],
    [999, "0s"],
    [59_999, "59s"],
    [185_000, "3m05s"],
    [7_620_000, "2h07m"],
    [442_800_000, "5d03h"],
  ])("writes %i ms as %s", (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });
});

describe("formatTime", () => {
  it("is UTC to the second", () => {
    expect(formatTime(Date.UTC(2026, 0, 2, 3, 4, 5, 678))).toBe("2026-01-02 03:04:05Z");
  });
});
