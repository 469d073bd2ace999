// What is wrong with a site's own script templates: those that make no sound script, and those that nobody would use.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Inventory } from "../inventory/schema.ts";
import type { Rendering } from "./rendering.ts";

/** Sentences, one for each fault; each names its file. */
export function scriptFaults(
  inventory: Inventory,
  rendering: Pick<Rendering, "scriptFaults" | "commonFaults">,
): string[] {
  const { templates } = inventory.boot;
  const made = [...rendering.commonFaults(), ...inventory.nodes.flatMap(rendering.scriptFaults)];
  return [...new Set([...made, ...(templates === undefined ? [] : strays(inventory, templates))])];
}

/** Files and folders that stand for no node, no profile and no script. */
function strays({ nodes, profiles }: Inventory, directory: string): string[] {
  const names = nodes.map(({ name }) => name);
  if (!existsSync(directory))
    return [`boot.templates ${directory} does not exist: make the folder, or remove the setting`];
  return [
    ...unknown(directory, ["nodes", "profiles", ...common, ...perMachine]),
    ...folders(join(directory, "nodes"), names, "node"),
    ...folders(join(directory, "profiles"), Object.keys(profiles), "profile"),
  ];
}

const common = ["boot.ipxe.hbs", "autoexec.ipxe.hbs", "by-mac.grub.cfg.hbs"];
const perMachine = ["ipxe", "grub.cfg", "pxelinux.cfg"].flatMap((extension) => [
  `installer.${extension}.hbs`,
  `local-disk.${extension}.hbs`,
]);

function folders(directory: string, known: readonly string[], what: string): string[] {
  return entries(directory).flatMap((name) =>
    known.includes(name)
      ? unknown(join(directory, name), perMachine)
      : [`${join(directory, name)}: no ${what} is called ${name}`],
  );
}

function unknown(directory: string, known: readonly string[]): string[] {
  return entries(directory)
    .filter((name) => !known.includes(name))
    .map((name) => `${join(directory, name)} is used for nothing: known are ${known.join(", ")}`);
}

function entries(directory: string): string[] {
  const isFolder = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? readdirSync(directory).toSorted() : [];
}
