// What is typed for an install beyond the names of nodes: the same words for each command that wipes a machine.

import type { Command } from "commander";
import { CliError, exitCodes } from "./exit.ts";
import { collect, type OrderOptions } from "./order.ts";

export interface InstallOptions extends OrderOptions {
  readonly erase?: string[];
  readonly diskSerial?: string[];
  readonly limit?: string;
}

export function withInstallOptions(command: Command): Command {
  return command
    .option(
      "--erase <node>",
      "its disk may hold data that is not from here (again for each node)",
      collect,
    )
    .option(
      "--disk-serial <serial>",
      "the disk that its node has now, in place of the one it had",
      collect,
    );
}

/** For commands that install several nodes at once. */
export function withLimit(command: Command): Command {
  return command.option(
    "--limit <count>",
    "this many nodes are meant, where the inventory allows fewer",
  );
}

/** The options as an order has them, each name once. Throws a CliError for a limit that is no number. */
export function installOptionsOf(
  nodes: readonly string[],
  { erase, diskSerial, limit }: InstallOptions,
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
