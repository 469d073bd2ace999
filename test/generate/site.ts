// The runbook's site, whole or changed, as the generators are given it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Site } from "../../src/generate/site.ts";
import { formatProblem, parseInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";

export const siteFile = join(import.meta.dirname, "../fixtures/generate/site.yaml");
export const atMs = Date.UTC(2026, 0, 2, 3, 4, 5);

/** The file as plain data, to be changed. */
export function plainSite(): Record<string, Record<string, unknown>> {
  return parse(readFileSync(siteFile, "utf8"));
}

/** The runbook's inventory; `change` works on the file's plain data. */
export function inventoryWith(
  change: (file: ReturnType<typeof plainSite>) => void = () => {},
): Inventory {
  const file = plainSite();
  change(file);
  const loaded = parseInventory(JSON.stringify(file), siteFile);
  if ("inventory" in loaded) return loaded.inventory;
  throw new Error(loaded.problems.map(formatProblem).join("\n"));
}

export function siteWith(changes: Partial<Site> = {}): Site {
  return {
    inventory: inventoryWith(),
    source: "site.yaml",
    cluster: { state: "unformed" },
    previous: () => undefined,
    nowMs: atMs,
    ...changes,
  };
}
