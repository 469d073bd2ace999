// Bad inventories, made from the good one by replacing one piece of its text.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";

const good = readFileSync(join(import.meta.dirname, "../fixtures/inventory/good.yaml"), "utf8");

/** The good file with one piece of text replaced, which must be there exactly once. */
export function edited(piece: string, replacement: string): string {
  const [before, after, ...more] = good.split(piece);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${JSON.stringify(piece)} is not in the good file exactly once`);
  return before + replacement + after;
}

/** What the loader says of a text, one line per problem. */
export function problemsOf(text: string): string[] {
  const result = parseInventory(text, "site.yaml");
  return "problems" in result ? result.problems.map(formatProblem) : [];
}
