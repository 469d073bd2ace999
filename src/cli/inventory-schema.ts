// rackstrap inventory schema: the inventory's JSON Schema, for editors.

import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { inventoryJsonSchema } from "../inventory/json-schema.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print, printJson } from "./output.ts";

export function addInventorySchemaCommand(inventory: Command, done: Done): void {
  inventory
    .command("schema")
    .description("print the JSON Schema of an inventory, which editors check a file with")
    .option("--write <file>", "write it there")
    .action((_options, command: Command) => {
      const options = optionsOf<{ readonly write?: string }>(command);
      const schema = inventoryJsonSchema();
      if (options.write === undefined) printJson(schema);
      else {
        write(options.write, `${JSON.stringify(schema, undefined, 2)}\n`);
        print(options, { written: options.write }, () => [
          `${options.write}: written; begin an inventory with # yaml-language-server: $schema=${options.write}`,
        ]);
      }
      done(exitCodes.ok);
    });
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CliError(
      exitCodes.failed,
      `${file} can't be written: ${messageOf(error)}`,
      "name a file in a folder that you may write to",
    );
  }
}
