// rackstrap backup: orders one; lists and verifies those that are there, on the server's host itself.

import { basename, resolve } from "node:path";
import type { Command } from "commander";
import {
  backupsDirectory,
  type Examined,
  examineBackup,
  listBackups,
} from "../operations/backup/folder.ts";
import { formatBytes } from "./assets-text.ts";
import { CliError, exitCodeFor, exitCodes } from "./exit.ts";
import { carryOut, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { type GlobalOptions, requireInventory } from "./server.ts";
import { formatTable, formatTime, printable } from "./table.ts";

interface BackupOptions extends OrderOptions {
  readonly to?: string;
}

interface ListOptions extends GlobalOptions {
  readonly in?: string;
}

export function addBackupCommand(program: Command, done: Done): void {
  const backup = program
    .command("backup")
    .description("take a snapshot of every layer from a healthy member, with a manifest")
    .option(
      "--to <dir>",
      "make the backup's folder in this directory of the server, in place of its own",
    );
  withOrderOptions(backup, false).action(async (_options, ran: Command) => {
    const options = optionsOf<BackupOptions>(ran);
    const said = options.to === undefined ? {} : { to: resolve(options.to) };
    done(await carryOut({ verb: "backup", nodes: [], options: said }, options));
  });
  backup
    .command("list")
    .description("the backups in the server's directory, newest first, each read to its end")
    .option("--in <dir>", "in this directory")
    .action(async (_options, ran: Command) => {
      const options = optionsOf<ListOptions>(ran);
      const directory = resolve(directoryOf(options));
      const folders = await listBackups(directory);
      // Whoever looks for a backup and finds none must hear of it; JSON says so with an empty list.
      if (folders.length === 0 && options.json !== true) throw noBackup(directory);
      await show(folders, options, done);
      if (folders.length === 0) done(exitCodes.failed);
    });
  backup
    .command("verify")
    .description("read every file of one backup again; exit 0 when it is whole")
    .argument("<dir>", "the backup's folder")
    .action(async (folder: string, _options, ran: Command) => {
      await show([resolve(folder)], optionsOf<GlobalOptions>(ran), done);
    });
}

function directoryOf({ in: named, inventory }: ListOptions): string {
  if (named !== undefined) return named;
  if (inventory !== undefined)
    return backupsDirectory(requireInventory(inventory).server.stateDirectory);
  throw new CliError(
    exitCodes.usage,
    "neither a folder of backups nor an inventory is named",
    "name the folder with --in DIR, or add --inventory FILE or set RACKSTRAP_INVENTORY",
  );
}

function noBackup(directory: string): CliError {
  return new CliError(
    exitCodes.failed,
    `no backup in ${directory}`,
    "make one: rackstrap backup --execute; or name the folder: --in DIR",
  );
}

async function show(folders: readonly string[], options: GlobalOptions, done: Done): Promise<void> {
  const { signal } = new AbortController();
  const backups: Examined[] = [];
  for (const folder of folders) backups.push(await examineBackup(folder, signal));
  print(options, { backups }, () => [
    ...formatTable(["BACKUP", "CLUSTER", "COMPLETE", "SIZE", "VERDICT"], backups.map(row)),
    ...backups.flatMap(({ folder, faults }) =>
      faults.map((fault) => printable(`${basename(folder)}: ${fault}`)),
    ),
  ]);
  done(exitCodeFor(backups.map(({ faults }) => faults.length === 0)));
}

function row({ folder, manifest, faults }: Examined): string[] {
  const verdict = faults.length === 0 ? "whole" : "not usable";
  if (manifest === undefined) return [basename(folder), "", "", "", verdict];
  const bytes = manifest.layers.reduce((sum, layer) => sum + layer.bytes, 0);
  return [
    ...[basename(folder), manifest.cluster, formatTime(manifest.atMs)],
    ...[formatBytes(bytes), verdict],
  ];
}
