// rackstrap provision: the operator's explicit act. Starts the installs and watches them to their end.

import type { Command } from "commander";
import { CliError, exitCodes } from "./exit.ts";
import { carryOut, collect, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

interface ProvisionOptions extends OrderOptions {
  readonly erase?: string[];
  readonly diskSerial?: string[];
  readonly limit?: string;
}

export function addProvisionCommand(program: Command, done: Done): void {
  const command = program
    .command("provision")
    .description(
      "wipe and install nodes, and see them join the cluster; exit 0 when all are active",
    )
    // Names alone, no selectors: a machine is wiped because somebody wrote its name.
    .argument("<nodes...>", "names of declared nodes")
    .option(
      "--erase <node>",
      "its disk may hold data that is not from here (again for each node)",
      collect,
    )
    .option(
      "--disk-serial <serial>",
      "the disk that its node has now, in place of the one it had",
      collect,
    )
    .option("--limit <count>", "this many nodes are meant, where the inventory allows fewer");
  withOrderOptions(command, false).action(async (nodes: string[], _options, ran: Command) => {
    const options = optionsOf<ProvisionOptions>(ran);
    const order = { verb: "provision", nodes, options: said(nodes, options) } as const;
    done(await carryOut(order, options, "active"));
  });
}

function said(
  nodes: readonly string[],
  { erase, diskSerial, limit }: ProvisionOptions,
): Record<string, unknown> {
  if (limit !== undefined && !/^[1-9]\d{0,3}$/.test(limit))
    throw new CliError(
      exitCodes.usage,
      `--limit ${limit} is no number of nodes`,
      `count the names: --limit ${nodes.length}`,
    );
  return {
    ...(erase === undefined ? {} : { erase: [...new Set(erase)] }),
    ...(diskSerial === undefined ? {} : { diskSerials: [...new Set(diskSerial)] }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}
