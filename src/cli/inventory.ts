// rackstrap inventory: what is done with the inventory's files. Each command stands in a file of its own.

import type { Command } from "commander";
import { addImportCommand } from "./import.ts";
import { addInventoryDiffCommand } from "./inventory-diff.ts";
import { addInventoryFmtCommand } from "./inventory-fmt.ts";
import { addInventoryReloadCommand } from "./inventory-reload.ts";
import { addInventorySchemaCommand } from "./inventory-schema.ts";
import type { Done } from "./output.ts";

export function addInventoryCommand(program: Command, done: Done): void {
  const inventory = program.command("inventory").description("make and keep the inventory's files");
  addImportCommand(inventory, done);
  addInventoryFmtCommand(inventory, done);
  addInventorySchemaCommand(inventory, done);
  addInventoryDiffCommand(inventory, done);
  addInventoryReloadCommand(inventory, done);
}
