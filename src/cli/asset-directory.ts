// Which asset directory a command works on.

import type { KeyObject } from "node:crypto";
import { Option } from "commander";
import { loadAssetKey } from "../boot/asset-store/signature.ts";
import type { Inventory } from "../inventory/schema.ts";
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

export function assetDirectoryOf(options: StoreOptions): string {
  return options.directory ?? siteOf(options)?.server.assetDirectory ?? defaultDirectory;
}
