// rackstrap inventory import --into: shows what the imported machines add to an inventory file, and writes it when asked to.

import { readFileSync } from "node:fs";
import { insertionDiff, mergeInto } from "../inventory/import/into.ts";
import { formatPlace } from "../inventory/import/source.ts";
import type { Imported } from "../inventory/import/to-inventory.ts";
import { loadInventory } from "../inventory/load.ts";
import { readYaml } from "../inventory/yaml-text.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, type ExitCode, exitCodes } from "./exit.ts";
import { noteJson, noteLine } from "./import-text.ts";
import { printJson } from "./output.ts";
import { replaceText } from "./replace-text.ts";
import { printable } from "./table.ts";

interface IntoOptions {
  readonly write?: boolean;
  readonly json?: boolean;
}

/** Standard output has the changed lines; what was left out and what to do next is on standard error. */
export function mergeIntoFile(
  file: string,
  { inventory, notes }: Imported,
  { write, json }: IntoOptions,
): ExitCode {
  const text = readText(file);
  const nodes = declaredHere(file, inventory.nodes);
  const merged = mergeInto(text, file, nodes);
  if ("malformed" in merged)
    throw new CliError(
      exitCodes.usage,
      printable(`${formatPlace(merged.place)}: ${merged.malformed}`),
      "name an inventory that rackstrap check accepts",
    );
  const { insertions, added, completed } = merged.value;
  const written = write === true && insertions.length > 0;
  if (written) replaceText(file, text, merged.value.text);
  const diff = insertionDiff(text, insertions);
  const remarks = [...notes, ...merged.value.notes];
  if (json === true) {
    printJson({ file, added, completed, diff, written, notes: remarks.map(noteJson) });
    return exitCodes.ok;
  }
  for (const line of diff) console.log(printable(line));
  for (const line of remarks.map(noteLine)) console.error(line);
  const blanks = diff.filter((line) => line.startsWith("+") && line.includes("# FILL IN")).length;
  console.error(
    printable(
      `${written ? "written" : "would be written"} to ${file}: ${added.length} nodes added, ${completed.length} completed`,
    ),
  );
  if (insertions.length === 0)
    console.error("nothing to add: every machine is in the file, or is named above");
  else if (!written) console.error("nothing was written: add --write");
  if (blanks > 0)
    console.error(
      `${blanks} lines with FILL IN are yours to complete: then rackstrap check --inventory ${printable(file)}`,
    );
  if (inventory.provisioning !== undefined || inventory.subnets.size > 0)
    console.error(
      "networks are not added to an existing file: run the command without --into to see them",
    );
  return exitCodes.ok;
}

/**
 * The nodes that no other file of the inventory declares: by MAC or by name, one of these would be declared twice. Throws their
 * names, since what another file says of them is not looked at here.
 */
function declaredHere(
  file: string,
  nodes: Imported["inventory"]["nodes"],
): Imported["inventory"]["nodes"] {
  const loaded = loadInventory(file);
  if (!("inventory" in loaded) || loaded.files.length < 2) return nodes;
  const own = parseOwnNames(readText(file), file);
  const elsewhere = loaded.inventory.nodes.filter(({ name }) => !own.has(name));
  const taken = [...nodes].filter(([name, { mac }]) =>
    elsewhere.some((node) => node.mac === mac || node.name === name),
  );
  if (taken.length === 0) return nodes;
  throw new CliError(
    exitCodes.usage,
    `${taken.map(([name]) => name).join(", ")}: a file that ${printable(file)} includes has a node of this MAC or name`,
    "name the file that has these nodes with --into, or leave them out of what is imported",
  );
}

/** The names under `nodes` of this one file. */
function parseOwnNames(text: string, file: string): ReadonlySet<string> {
  const read = readYaml(text, file);
  const value: unknown = "value" in read ? read.value : undefined;
  const nodes =
    typeof value === "object" && value !== null && "nodes" in value ? value.nodes : undefined;
  return new Set(typeof nodes === "object" && nodes !== null ? Object.keys(nodes) : []);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `${file} can't be read: ${messageOf(error)}`,
      "name an existing inventory that you may read",
    );
  }
}
