// rackstrap drain | undrain: one node's services out of service and back.

import type { Command } from "commander";
import { carryOut, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

export function addDrainCommands(program: Command, done: Done): void {
  add(program, done, "drain", "take a node's services out of service; its data stays", "drained");
  add(program, done, "undrain", "put a drained node back into service", "active");
}

function add(
  program: Command,
  done: Done,
  verb: "drain" | "undrain",
  description: string,
  wanted: string,
): void {
  const command = program
    .command(verb)
    .description(description)
    .argument("<node>", "name of a declared node");
  withOrderOptions(command, verb === "drain").action(
    async (node: string, _options, ran: Command) => {
      const order = { verb, nodes: [node], options: {} };
      done(await carryOut(order, optionsOf<OrderOptions>(ran), wanted));
    },
  );
}
