// rackstrap update NODE…: the nodes' new systems, one node at a time.

import type { Command } from "commander";
import { carryOut, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

interface UpdateOptions extends OrderOptions {
  readonly reboot?: boolean;
}

export function addUpdateCommand(program: Command, done: Done): void {
  const command = program
    .command("update")
    .description("build the nodes' systems and activate them, one node at a time, the leader last")
    .argument("<node...>", "names of declared nodes")
    .option("--reboot", "restart the nodes whose kernel changes, each in its turn");
  withOrderOptions(command, true).action(
    async (nodes: readonly string[], _options, ran: Command) => {
      const options = optionsOf<UpdateOptions>(ran);
      const said = { reboot: options.reboot === true };
      done(await carryOut({ verb: "update", nodes: [...nodes], options: said }, options));
    },
  );
}
