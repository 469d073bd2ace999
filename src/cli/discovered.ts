// rackstrap discovered: the machines that nobody declared, and all that is known of one of them.

import type { Command } from "commander";
import { discoveredAnswer, discoveryShape } from "../api/discovered-shapes.ts";
import { discoveredTable, discoveryLines } from "./discovered-text.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";

export function addDiscoveredCommand(program: Command, done: Done): void {
  program
    .command("discovered")
    .description(
      "machines that asked for something and are in no inventory; all that is known of one",
    )
    .argument("[mac]", "the machine's MAC, in any notation")
    .action(async (mac: string | undefined, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const server = connect(options);
      if (mac === undefined) {
        const answer = await server.get("/api/discovered", discoveredAnswer);
        print(options, answer, () => discoveredTable(answer.discovered, Date.now()));
      } else {
        const path = `/api/discovered/${encodeURIComponent(mac)}`;
        const machine = await server.get(path, discoveryShape);
        print(options, machine, () => discoveryLines(machine, Date.now()));
      }
      done(exitCodes.ok);
    });
}
