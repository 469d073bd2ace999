// rackstrap inventory diff: how a file differs from what the server has in force. Changes nothing.

import { resolve } from "node:path";
import type { Command } from "commander";
import { inventoryVerdictShape } from "../api/inventory-shapes.ts";
import { createInventoryReader } from "../inventory/files.ts";
import { CliError, exitCodes } from "./exit.ts";
import { isDifferent, isSound, verdictLines } from "./inventory-text.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";

export function addInventoryDiffCommand(inventory: Command, done: Done): void {
  inventory
    .command("diff")
    .description("how the file differs from what the server has in force; changes nothing")
    .argument("[file]", "the file; else that of --inventory")
    .action(async (named: string | undefined, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const file = named ?? options.inventory;
      if (file === undefined)
        throw new CliError(
          exitCodes.usage,
          "no file is named",
          "name one, or add --inventory FILE or set RACKSTRAP_INVENTORY",
        );
      const files = filesOf(file);
      const server = connect({ ...options, inventory: options.inventory ?? file });
      const verdict = await server.post("/api/inventory/diff", { files }, inventoryVerdictShape);
      print(options, verdict, () => verdictLines(verdict, `${file} says what is in force`));
      if (verdict.problems.length > 0) return done(exitCodes.usage);
      done(isSound(verdict) && !isDifferent(verdict) ? exitCodes.ok : exitCodes.failed);
    });
}

/** The file and those that it names, the file itself first. */
function filesOf(file: string): { readonly path: string; readonly text: string }[] {
  return [...createInventoryReader(file)()].map(([path, read]) => {
    if ("text" in read) return { path, text: read.text };
    const shown = path === resolve(file) ? file : path;
    throw new CliError(exitCodes.usage, `${shown} can't be read: ${read.error}`);
  });
}
