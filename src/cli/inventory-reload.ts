// rackstrap inventory reload: has the server read its files at once, and shows what came of it.

import type { Command } from "commander";
import { inventoryVerdictShape } from "../api/inventory-shapes.ts";
import { exitCodes } from "./exit.ts";
import { isSound, verdictLines } from "./inventory-text.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";

export function addInventoryReloadCommand(inventory: Command, done: Done): void {
  inventory
    .command("reload")
    .description("have the server read its inventory now; it does so by itself when a file changes")
    .action(async (_options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const server = connect(options);
      const verdict = await server.post("/api/inventory/reload", undefined, inventoryVerdictShape);
      print(options, verdict, () => verdictLines(verdict, "nothing has changed"));
      done(isSound(verdict) ? exitCodes.ok : exitCodes.failed);
    });
}
