// rackstrap provision: the operator's explicit act. Starts the installs and watches them to their end.

import type { Command } from "commander";
import {
  type InstallOptions,
  installOptionsOf,
  withInstallOptions,
  withLimit,
} from "./install-options.ts";
import { carryOut, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

export function addProvisionCommand(program: Command, done: Done): void {
  const command = program
    .command("provision")
    .description(
      "wipe and install nodes, and see them join the cluster; exit 0 when all are active",
    )
    // Names alone, no selectors: a machine is wiped because somebody wrote its name.
    .argument("<nodes...>", "names of declared nodes");
  withOrderOptions(withLimit(withInstallOptions(command)), false).action(
    async (nodes: string[], _options, ran: Command) => {
      const options = optionsOf<InstallOptions>(ran);
      const said = installOptionsOf(nodes, options);
      done(await carryOut({ verb: "provision", nodes, options: said }, options, "active"));
    },
  );
}
