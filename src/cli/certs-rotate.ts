// rackstrap certs rotate: new certificates for nodes, and a new CA.

import type { Command } from "commander";
import { carryOut, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

interface RotateOptions extends OrderOptions {
  readonly ca?: boolean;
}

export function addCertsRotateCommand(certs: Command, done: Done): void {
  const command = certs
    .command("rotate")
    .description(
      "give nodes new certificates, one node after the other; the plan without --execute",
    )
    .argument("[nodes...]", "names of declared nodes; all that are active when none is named")
    .option("--ca", "replace the CA as well, on every node");
  withOrderOptions(command, true).action(async (nodes: string[], _options, ran: Command) => {
    const options = optionsOf<RotateOptions>(ran);
    const said = options.ca === true ? { ca: true } : {};
    done(await carryOut({ verb: "rotate-certificates", nodes, options: said }, options));
  });
}
