// rackstrap assets: the images and loaders that machines boot from. Works on the asset directory itself, so that it can be
// filled before a server runs; a running server takes up what is activated with the next boot script.

import type { Command } from "commander";
import { activateSet, findId, rollBack } from "../boot/asset-store/activate.ts";
import { collectGarbage } from "../boot/asset-store/gc.ts";
import { importSet } from "../boot/asset-store/import.ts";
import { storedIds } from "../boot/asset-store/layout.ts";
import { listStore } from "../boot/asset-store/list.ts";
import {
  assetDirectoryOf,
  directoryOption,
  existingDirectoryOf,
  requireThere,
  type StoreOptions,
} from "./asset-directory.ts";
import { requestFor } from "./asset-request.ts";
import { addBuildDiscoveryCommand } from "./assets-discovery.ts";
import { addLoadersCommand } from "./assets-loaders.ts";
import { gcLines, importedLine, setsTable, switchedLine } from "./assets-text.ts";
import { addVerifyCommand } from "./assets-verify.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";

interface ImportOptions extends StoreOptions {
  readonly profile: string;
  readonly activate?: boolean;
}

export function addAssetsCommand(program: Command, done: Done): void {
  const assets = program
    .command("assets")
    .description("images and loaders that machines boot from")
    // What root publishes with a strict umask, the server's own user could not read.
    .hook("preAction", () => void process.umask(0o022));
  addImport(assets, done);
  addList(assets, done);
  addVerifyCommand(assets, done);
  addActivate(assets, done);
  addRollback(assets, done);
  addGc(assets, done);
  addLoadersCommand(assets, done);
  addBuildDiscoveryCommand(assets, done);
}

function addImport(assets: Command, done: Done): void {
  assets
    .command("import")
    .description("check an image and take it into the store as one set")
    .argument("<path>", "folder with bzImage, initrd and netboot.ipxe, or a tar archive of one")
    .requiredOption("--profile <profile>", "the profile whose machines it is for")
    .option("--activate", "give it to machines from the next boot on")
    .addOption(directoryOption())
    .action(async (path: string, _options, command: Command) => {
      const options = optionsOf<ImportOptions>(command);
      const request = requestFor(options, options.profile, assetDirectoryOf);
      requireThere(path);
      const imported = await importSet({ ...request, path });
      const activated =
        options.activate === true ? await activateSet(request, imported.set.id) : undefined;
      print(options, { ...imported, ...(activated && { activated }) }, () => [
        importedLine(imported),
        ...(activated === undefined ? [] : [switchedLine(options.profile, activated)]),
      ]);
      done(exitCodes.ok);
    });
}

function addList(assets: Command, done: Done): void {
  assets
    .command("list")
    .description("the sets of the store; nothing is checked")
    .addOption(directoryOption())
    .action(async (_options, command: Command) => {
      const options = optionsOf<StoreOptions>(command);
      const list = await listStore(existingDirectoryOf(options));
      print(options, list, () => setsTable(list));
      done(exitCodes.ok);
    });
}

function addActivate(assets: Command, done: Done): void {
  assets
    .command("activate")
    .description("give a set of the store to the machines of its profile, from the next boot on")
    .argument("<profile>", "the profile")
    .argument("<id>", "the set, or the beginning of its id")
    .addOption(directoryOption())
    .action(async (profile: string, id: string, _options, command: Command) => {
      const options = optionsOf<StoreOptions>(command);
      const request = requestFor(options, profile, existingDirectoryOf);
      const found = await findId(request.root, profile, id).catch(unknownSet);
      const activated = await activateSet(request, found);
      print(options, activated, () => [switchedLine(profile, activated)]);
      done(exitCodes.ok);
    });
}

function addRollback(assets: Command, done: Done): void {
  assets
    .command("rollback")
    .description("give the machines of a profile the set they had before")
    .argument("<profile>", "the profile")
    .addOption(directoryOption())
    .action(async (profile: string, _options, command: Command) => {
      const options = optionsOf<StoreOptions>(command);
      const request = requestFor(options, profile, existingDirectoryOf);
      if ((await storedIds(request.root, profile)).length === 0)
        unknownSet(new Error(`profile ${profile} has no sets in ${request.root}`));
      const activated = await rollBack(request);
      print(options, activated, () => [switchedLine(profile, activated)]);
      done(exitCodes.ok);
    });
}

function addGc(assets: Command, done: Done): void {
  assets
    .command("gc")
    .description("remove sets that are neither active, nor the one before, nor of the last day")
    .option("--dry-run", "only say what would be removed")
    .addOption(directoryOption())
    .action(async (_options, command: Command) => {
      const options = optionsOf<StoreOptions & { readonly dryRun?: boolean }>(command);
      const dryRun = options.dryRun === true;
      const root = existingDirectoryOf(options);
      const collected = await collectGarbage({ root, nowMs: Date.now(), isRunning, dryRun });
      print(options, { dryRun, collected }, () => gcLines(collected, dryRun));
      done(exitCodes.ok);
    });
}

function unknownSet(error: Error): never {
  throw new CliError(
    exitCodes.usage,
    error.message,
    "see rackstrap assets list for what there is, or import the image",
  );
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
