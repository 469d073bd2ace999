// The example site of the repository as a typed inventory, for tests that need some declared machines.

import { join } from "node:path";
import { formatProblem, loadInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";

export const exampleFile = join(import.meta.dirname, "../../inventory/site.yaml");

export function exampleSite(): Inventory {
  const result = loadInventory(exampleFile);
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.inventory;
}
