// Inventories and facts that the generators are tried with.

import { join } from "node:path";
import type { NixosFacts } from "../../src/generate/facts.ts";
import { formatProblem, loadInventory } from "../../src/inventory/load.ts";
import type { Inventory } from "../../src/inventory/schema.ts";

const root = join(import.meta.dirname, "../..");

function sound(result: ReturnType<typeof loadInventory>): Inventory {
  if ("problems" in result) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.inventory;
}

/** The example site: the runbook's three nodes and node04. */
export const exampleSite = (): Inventory => sound(loadInventory(join(root, "inventory/site.yaml")));

/** As hard as can be to write down in Nix. */
export const nastySite = (): Inventory =>
  sound(loadInventory(join(root, "test/fixtures/generate/nasty.yaml")));

const publicKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4nI2nTqQ0wq1mJrGvKZkdbc8kG0y3QeF9nJ7H0bZ3e provisioning@example.com";

export const facts: NixosFacts = { sshKeys: [publicKey], hardware: new Map() };
