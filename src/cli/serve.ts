// rackstrap serve: runs the server in the foreground until it is told to stop.

import type { Command } from "commander";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf } from "./output.ts";
import { type GlobalOptions, requireInventory } from "./server.ts";

export function addServeCommand(program: Command, done: Done): void {
  program
    .command("serve")
    .description("run the server that --inventory describes, until SIGINT or SIGTERM")
    .action(async (_options, command: Command) => {
      const { inventory } = optionsOf<GlobalOptions>(command);
      // Checked here for a readable answer; an empty name never gets past it.
      requireInventory(inventory);
      // Loaded only now: the other commands start without the store, the listeners and their libraries.
      const { serve } = await import("../serve.ts");
      await serve(inventory ?? "");
      done(exitCodes.ok);
    });
}
