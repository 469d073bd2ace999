// rackstrap inventory: what is done with the inventory file itself.

import type { Command } from "commander";
import { addImportCommand } from "./import.ts";
import { addInventoryDiffCommand } from "./inventory-diff.ts";
import { addInventoryReloadCommand } from "./inventory-reload.ts";
import type { Done } from "./output.ts";

export function addInventoryCommand(program: Command, done: Done): void {
  const inventory = program.command("inventory").description("make and keep the inventory file");
  addImportCommand(inventory, done);
  addInventoryDiffCommand(inventory, done);
  addInventoryReloadCommand(inventory, done);
}
