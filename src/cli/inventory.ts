// rackstrap inventory: what is done with the inventory file itself.

import type { Command } from "commander";
import { addImportCommand } from "./import.ts";
import type { Done } from "./output.ts";

export function addInventoryCommand(program: Command, done: Done): void {
  const inventory = program.command("inventory").description("make and keep the inventory file");
  addImportCommand(inventory, done);
}
