import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { diagnoseFile, renderDiagnose } from "../../docs/generate-diagnose.ts";

test("docs/diagnose.md shows the causes of today (else run: node docs/generate-diagnose.ts)", () => {
  expect(readFileSync(diagnoseFile, "utf8")).toBe(renderDiagnose());
});
