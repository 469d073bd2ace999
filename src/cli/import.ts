// rackstrap import: another DHCP server's configuration as the DHCP parts of an inventory, and its leases into the store.
// Standard output has the YAML and nothing else, so that it can go into a file; the rest is on standard error.

import { existsSync, readFileSync, statSync } from "node:fs";
import { type Command, Option } from "commander";
import type { Lease } from "../dhcp/lease-table.ts";
import { keaLeaseFiles } from "../inventory/import/kea-leases.ts";
import {
  importLeases,
  type LeaseSelection,
  type LeaseSite,
  selectLeases,
} from "../inventory/import/leases.ts";
import {
  configKind,
  type Kind,
  leaseKind,
  parseConfig,
  parseLeases,
} from "../inventory/import/read.ts";
import { formatPlace, maxFileBytes, type Read, type ReadFile } from "../inventory/import/source.ts";
import { toInventory } from "../inventory/import/to-inventory.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { importJson, importText, type LeaseOutcome } from "./import-text.ts";
import type { LeaseTarget } from "./lease-target.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import type { GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

interface ImportOptions extends GlobalOptions {
  readonly kind?: Kind;
  readonly leases?: string;
  readonly stateDirectory?: string;
}

export function addImportCommand(program: Command, done: Done): void {
  program
    .command("import")
    .description("print the DHCP parts of an inventory from another server's configuration")
    .argument("<file>", "dhcpd.conf of ISC, or the JSON configuration of kea-dhcp4")
    .addOption(
      new Option("--kind <kind>", "which of the two it is; without it the file tells").choices([
        "isc",
        "kea",
      ]),
    )
    .option("--leases <file>", "also read dhcpd.leases or kea-leases4.csv; nothing is written")
    .option("--state-directory <dir>", "write the leases into the store of this stopped server")
    .action(async (file: string, _options, command: Command) => {
      const options = optionsOf<ImportOptions>(command);
      const readFile = boundedReader();
      const bytes = requireFile(file, readFile);
      const kind = options.kind ?? configKind(bytes);
      const imported = toInventory(accept(parseConfig(kind, bytes, file, readFile)));
      const leases = await takeLeases(options, imported.site);
      if (options.json === true) printJson(importJson(kind, imported, leases));
      else {
        const { yaml, remarks } = importText(file, imported, leases);
        for (const line of yaml) console.log(line);
        for (const line of remarks) console.error(line);
      }
      done(exitCodes.ok);
    });
}

/** Reads regular files until `maxFileBytes` have been read in all, so that includes have a limit, too. */
function boundedReader(): ReadFile {
  let left = maxFileBytes;
  return (file) => {
    try {
      const status = statSync(file);
      if (!status.isFile()) return { error: "it is no regular file" };
      const tooMuch = `more than ${maxFileBytes / 1024 / 1024} MiB: split it up`;
      if (status.size > left) return { error: tooMuch };
      const bytes = readFileSync(file);
      left -= bytes.length;
      return left < 0 ? { error: tooMuch } : { bytes };
    } catch (error) {
      return { error: messageOf(error) };
    }
  };
}

function requireFile(file: string, readFile: ReadFile): Buffer {
  const read = readFile(file);
  if ("bytes" in read) return read.bytes;
  throw new CliError(
    exitCodes.usage,
    `${file} can't be read: ${read.error}`,
    "name an existing file that you may read",
  );
}

function accept<T>(read: Read<T>): T {
  if ("value" in read) return read.value;
  throw new CliError(
    exitCodes.usage,
    printable(`${formatPlace(read.place)}: ${read.malformed}`),
    "correct the file, or say with --kind isc or --kind kea what it is",
  );
}

async function takeLeases(
  { leases: file, stateDirectory }: ImportOptions,
  site: Omit<LeaseSite, "stored">,
): Promise<LeaseOutcome | undefined> {
  if (file === undefined && stateDirectory !== undefined)
    throw new CliError(
      exitCodes.usage,
      "--state-directory is where leases are written, and none are named",
      "add --leases FILE",
    );
  if (file === undefined) return undefined;
  const kind = leaseKind(requireFile(file, boundedReader()));
  const files = kind === "kea" ? keaLeaseFiles(file, existsSync) : [file];
  const parts = files.map((part) => ({ file: part, bytes: requireFile(part, boundedReader()) }));
  const { leases, notes } = accept(parseLeases(kind, parts));
  const selection =
    stateDirectory === undefined
      ? selectLeases(leases, { ...site, stored: [] }, Date.now())
      : await writeLeases(leases, site, stateDirectory);
  return { ...selection, files, notes, written: stateDirectory !== undefined };
}

async function writeLeases(
  leases: readonly Lease[],
  site: Omit<LeaseSite, "stored">,
  stateDirectory: string,
): Promise<LeaseSelection> {
  // Loaded only now: the other commands start without the store.
  const { openLeaseTarget } = await import("./lease-target.ts");
  const target: LeaseTarget = openLeaseTarget(stateDirectory);
  try {
    const { stored } = target;
    const selection = selectLeases(leases, { ...site, stored }, Date.now());
    importLeases(selection.rows, target);
    return selection;
  } finally {
    target.close();
  }
}
