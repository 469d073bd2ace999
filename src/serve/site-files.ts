// The site's own files as a backup keeps them: the inventory as it is written, and what is generated from it.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { generate, generators } from "../generate/generators.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { SiteFile } from "../operations/backup/folder.ts";
import type { InventoryReload } from "./inventory-reload.ts";

/** Everything but the nodes' cluster-config.json: what it says is of one moment, and no restore may take it from a file. */
const kept = new Set(
  generators.map(({ name }) => name).filter((name) => name !== "cluster-config"),
);

export function siteFiles(
  { file, inForce, read }: Pick<InventoryReload, "file" | "inForce" | "read">,
  publicKeyFile: string,
  nowMs: number,
): readonly SiteFile[] {
  const written = [...read()].flatMap(([name, content]) =>
    "text" in content
      ? [{ path: `inventory/${relative(dirname(resolve(file)), name)}`, text: content.text }]
      : [],
  );
  return [...written, ...generated(file, inForce(), publicKeyFile, nowMs)];
}

function generated(
  file: string,
  inventory: Inventory,
  publicKeyFile: string,
  nowMs: number,
): readonly SiteFile[] {
  const sshKeys = existsSync(publicKeyFile) ? [readFileSync(publicKeyFile, "utf8").trim()] : [];
  const cluster = { state: "unknown", reason: "a backup has none", next: "" } as const;
  const site = { inventory, source: basename(file), cluster, sshKeys, nowMs };
  const { files } = generate({ ...site, previous: () => undefined }, kept);
  return files.map(({ path, text }) => ({ path: `generated/${path}`, text }));
}

/** The program and its version. */
export function programVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { name, version } = JSON.parse(text) as { readonly name: string; readonly version: string };
  return `${name} ${version}`;
}
