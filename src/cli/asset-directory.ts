// Which asset directory a command works on.

import type { KeyObject } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { Option } from "commander";
import { loadAssetKey } from "../boot/asset-store/signature.ts";
import type { Inventory } from "../inventory/schema.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type GlobalOptions, requireInventory } from "./server.ts";

export interface StoreOptions extends GlobalOptions {
  readonly directory?: string;
}

// What the inventory's schema says when nothing else is known.
const defaultDirectory = "/var/lib/pxe-boot";

export function directoryOption(): Option {
  return new Option(
    "--directory <dir>",
    `the asset directory; else that of --inventory, else ${defaultDirectory}`,
  );
}

/** The inventory that the command names, if it does. */
export function siteOf({ inventory }: StoreOptions): Inventory | undefined {
  return inventory === undefined ? undefined : requireInventory(inventory);
}

/** The key that the inventory asks for signatures with, if it does. */
export function assetKeyOf(options: StoreOptions): KeyObject | undefined {
  const file = siteOf(options)?.server.assetKey;
  return file === undefined ? undefined : loadAssetKey(file);
}

/** For what is made where it is missing. */
export function assetDirectoryOf(options: StoreOptions): string {
  return options.directory ?? siteOf(options)?.server.assetDirectory ?? defaultDirectory;
}

/** For what only looks at it or changes what is in it. */
export function existingDirectoryOf(options: StoreOptions): string {
  const directory = assetDirectoryOf(options);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return directory;
  throw new CliError(
    exitCodes.usage,
    `the asset directory ${directory} does not exist or is no folder`,
    "name it with --directory or --inventory; rackstrap assets import and rackstrap assets loaders make it",
  );
}

/** What a command is to read. */
export function requireThere(path: string): void {
  if (existsSync(path)) return;
  throw new CliError(
    exitCodes.usage,
    `${path} does not exist or can't be read`,
    "name a file or a folder that this user may read",
  );
}
