import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { renderStates, statesFile } from "../../docs/generate-states.ts";

test("docs/states.md shows the transition table of today (else run: node docs/generate-states.ts)", () => {
  expect(readFileSync(statesFile, "utf8")).toBe(renderStates());
});
