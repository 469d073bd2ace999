// rackstrap inventory import --into: shows what the imported machines add to an inventory file, and writes it when asked to.

import { readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { insertionDiff, mergeInto } from "../inventory/import/into.ts";
import { formatPlace } from "../inventory/import/source.ts";
import type { Imported } from "../inventory/import/to-inventory.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, type ExitCode, exitCodes } from "./exit.ts";
import { noteJson, noteLine } from "./import-text.ts";
import { printJson } from "./output.ts";
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
  const merged = mergeInto(text, file, inventory.nodes);
  if ("malformed" in merged)
    throw new CliError(
      exitCodes.usage,
      printable(`${formatPlace(merged.place)}: ${merged.malformed}`),
      "name an inventory that rackstrap check accepts",
    );
  const { insertions, added, completed } = merged.value;
  const written = write === true && insertions.length > 0;
  if (written) replaceFile(file, merged.value.text);
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

/** By one rename, with the file's own mode: a reader has the whole old file or the whole new one. */
function replaceFile(file: string, text: string): void {
  try {
    const target = realpathSync(file);
    const fresh = `${target}.new`;
    writeFileSync(fresh, text, { mode: statSync(target).mode & 0o777 });
    renameSync(fresh, target);
  } catch (error) {
    throw new CliError(
      exitCodes.failed,
      `${file} can't be written: ${messageOf(error)}`,
      "run it as a user who may write the file and its folder",
    );
  }
}
