// rackstrap restore | disaster-recover: after the loss of a whole cluster. The cluster's name is typed, as the confirmation.

import { resolve } from "node:path";
import type { Command } from "commander";
import { carryOut, collect, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";

interface LossOptions extends OrderOptions {
  readonly cluster: string;
  readonly on?: string;
  readonly gone?: string[];
}

interface RecoverOptions extends LossOptions {
  readonly backup?: string;
  readonly bootstrap?: boolean;
  readonly erase?: boolean;
  readonly diskSerial?: string[];
}

export function addRestoreCommands(program: Command, done: Done): void {
  addRestoreCommand(program, done);
  addRecoverCommand(program, done);
}

function addRestoreCommand(program: Command, done: Done): void {
  const command = program
    .command("restore")
    .description("put a backup's data onto the machines of a cluster of which no member answers")
    .argument("<dir>", "the backup's folder, on the server");
  withLossOptions(command).action(async (folder: string, _options, ran: Command) => {
    const options = optionsOf<LossOptions>(ran);
    const said = { ...lossOf(options), directory: resolve(folder) };
    done(await carryOut({ verb: "restore", nodes: [], options: said }, options));
  });
}

function addRecoverCommand(program: Command, done: Done): void {
  const command = program
    .command("disaster-recover")
    .description("install one node again to form a cluster of which no machine is left")
    .option("--backup <dir>", "with the data of this backup, a folder on the server")
    .option("--bootstrap", "without data: the cluster begins empty")
    .option("--erase", "the node's disk may hold data that is not from here")
    .option("--disk-serial <serial>", "the disk that the node has now", collect);
  withLossOptions(command).action(async (_options, ran: Command) => {
    const options = optionsOf<RecoverOptions>(ran);
    const { backup, bootstrap = false, erase = false, diskSerial = [] } = options;
    const said = {
      ...{ ...lossOf(options), bootstrap, erase, diskSerials: diskSerial },
      ...(backup === undefined ? {} : { backup: resolve(backup) }),
    };
    done(await carryOut({ verb: "disaster-recover", nodes: [], options: said }, options));
  });
}

function withLossOptions(command: Command): Command {
  command
    .requiredOption("--cluster <name>", "the name of the cluster that is lost, typed in full")
    .option("--on <node>", "the one node that forms the cluster, in place of the first that can")
    .option(
      "--gone <node>",
      "this machine is destroyed or without power for good (again for each)",
      collect,
    );
  return withOrderOptions(command, false);
}

function lossOf({ cluster, on, gone = [] }: LossOptions) {
  return { cluster, gone: [...new Set(gone)], ...(on === undefined ? {} : { on }) };
}
