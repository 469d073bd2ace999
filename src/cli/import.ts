// rackstrap inventory import: what other tools know of a site as an inventory, and leases of another server into the store.
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
  kinds,
  leaseKind,
  parseConfigs,
  parseLeases,
} from "../inventory/import/read.ts";
import { formatPlace, maxFileBytes, type Read, type ReadFile } from "../inventory/import/source.ts";
import { toInventory } from "../inventory/import/to-inventory.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { mergeIntoFile } from "./import-into.ts";
import { importJson, importText, type LeaseOutcome } from "./import-text.ts";
import type { LeaseTarget } from "./lease-target.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import type { GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

interface ImportOptions extends GlobalOptions {
  readonly from?: Kind;
  readonly leases?: string;
  readonly stateDirectory?: string;
  readonly into?: string;
  readonly write?: boolean;
}

/** Adds `import` to the group `inventory`; to the program as a hidden name of the same. */
export function addImportCommand(parent: Command, done: Done, hidden = false): void {
  parent
    .command("import", { hidden })
    .description("print an inventory from what other tools know, or add their machines to one")
    .argument(
      "<file...>",
      "dhcpd.conf, kea-dhcp4's JSON, dnsmasq.conf, the NixOS module, a list of machines (JSON, CSV of MAAS)",
    )
    .addOption(
      new Option("--from <kind>", "what the files are; without it each file tells").choices(kinds),
    )
    .option("--into <inventory>", "show what its machines would add to this inventory")
    .option("--write", "with --into: write it")
    .option("--leases <file>", "also read dhcpd.leases or kea-leases4.csv; nothing is written")
    .option("--state-directory <dir>", "write the leases into the store of this stopped server")
    .action(async (files: string[], _options, command: Command) => {
      const options = optionsOf<ImportOptions>(command);
      refuseMisuse(options);
      const readFile = boundedReader();
      const sources = files.map((file) => {
        const bytes = requireFile(file, readFile);
        return { file, bytes, kind: options.from ?? configKind(bytes) };
      });
      const imported = toInventory(accept(parseConfigs(sources, readFile)));
      if (options.into !== undefined) {
        done(mergeIntoFile(options.into, imported, options));
        return;
      }
      const leases = await takeLeases(options, imported.site);
      if (options.json === true) printJson(importJson(sources, imported, leases));
      else {
        const { yaml, remarks } = importText(files, imported, leases);
        for (const line of yaml) console.log(line);
        for (const line of remarks) console.error(line);
      }
      done(exitCodes.ok);
    });
}

function refuseMisuse({ into, write, leases, stateDirectory }: ImportOptions): void {
  const refuse = (message: string, next: string) => {
    throw new CliError(exitCodes.usage, message, next);
  };
  if (leases === undefined && stateDirectory !== undefined)
    refuse(
      "--state-directory is where leases are written, and none are named",
      "add --leases FILE",
    );
  if (into === undefined && write === true)
    refuse("--write is for the inventory of --into, and none is named", "add --into INVENTORY");
  if (into !== undefined && leases !== undefined)
    refuse("--into adds machines, and --leases takes leases over", "run the command once for each");
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
    `correct the file, or say with --from what it is: ${kinds.join(", ")}`,
  );
}

async function takeLeases(
  { leases: file, stateDirectory }: ImportOptions,
  site: Omit<LeaseSite, "stored">,
): Promise<LeaseOutcome | undefined> {
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
