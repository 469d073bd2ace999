// rackstrap accept: writes a discovered machine into the operator's inventory, and shows first what would be written. The file is the
// truth: the server takes the machine for a node when it reads the file, and nothing is written to the machine.

import { readFileSync, realpathSync } from "node:fs";
import { type Command, Option } from "commander";
import { type DiscoveryView, discoveryShape } from "../api/discovered-shapes.ts";
import { addNode, fileFor } from "../inventory/edit.ts";
import { formatProblem, loadInventory } from "../inventory/load.ts";
import { unifiedDiff } from "../inventory/unified-diff.ts";
import { loadEdited } from "../inventory/write.ts";
import { messageOf } from "../net/error-text.ts";
import { parseIpv4 } from "../net/ipv4.ts";
import { type Mac, parseMac } from "../net/mac.ts";
import { type Entry, proposeNode, type Wishes } from "../nodes/propose-node.ts";
import { parseWrittenDisk } from "./disk-option.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { replaceText } from "./replace-text.ts";
import { connect, type GlobalOptions, requireInventory } from "./server.ts";
import { printable } from "./table.ts";

interface AcceptOptions extends GlobalOptions, Omit<Wishes, "disk"> {
  readonly as: string;
  readonly disk?: string;
  readonly file?: string;
  readonly write?: boolean;
}

export function addAcceptCommand(program: Command, done: Done): void {
  program
    .command("accept")
    .description("write a discovered machine into the inventory as a node; shows the change first")
    .argument("<mac>", "the machine's MAC, as rackstrap discovered lists it")
    .requiredOption("--as <name>", "the node's name")
    .requiredOption("--profile <profile>", "the node's profile")
    .option("--provisioning-address <address>", "else the next free one of its role")
    .option("--production-address <address>", "else the next free one of its role")
    .option("--bmc-address <address>", "else what the machine's BMC says")
    .option("--disk <disk>", "a path, or serial=, wwn=, id=…; else the smallest that is built in")
    .addOption(
      new Option("--firmware <kind>", "else what the machine booted by").choices(["bios", "uefi"]),
    )
    .option("--file <file>", "the file of the inventory to write into; else the one with nodes")
    .option("--write", "write it; without this nothing is changed")
    .action(async (mac: string, _options, command: Command) => {
      await accept(mac, optionsOf<AcceptOptions>(command));
      done(exitCodes.ok);
    });
}

async function accept(mac: string, options: AcceptOptions): Promise<void> {
  const inventory = requireInventory(options.inventory);
  const path = `/api/discovered/${encodeURIComponent(mac)}`;
  const machine = await connect(options).get(path, discoveryShape);
  if (machine.node !== undefined)
    throw new CliError(
      exitCodes.usage,
      `machine ${machine.mac} is node ${machine.node} already`,
      `install it with: rackstrap provision ${machine.node}`,
    );
  const proposal = proposeNode(inventory, newMachine(machine), {
    ...options,
    disk: options.disk === undefined ? undefined : parseWrittenDisk(options.disk),
  });
  if ("problem" in proposal) throw new CliError(exitCodes.usage, proposal.problem, proposal.next);
  const file = options.file ?? fileOfNodes(options.inventory ?? "");
  const change = changeOf(file, options, proposal.entry);
  if (options.write === true) replaceText(file, change.before, change.after);
  const { as: node, write: written = false } = options;
  const { remarks } = proposal;
  const result = { node, file, written, entry: proposal.entry, remarks, diff: change.diff };
  print(options, result, () => [
    ...change.diff.map(printable),
    "",
    ...remarks.map(printable),
    ...(written
      ? [`written to ${file}; install it with: rackstrap provision ${node}`]
      : ["nothing is written: add --write"]),
  ]);
}

function newMachine({ mac, address, reports }: DiscoveryView) {
  return {
    // The server has read it as one.
    mac: parseMac(mac) as Mac,
    address: parseIpv4(reports[0]?.address ?? address ?? ""),
    report: reports[0]?.machine,
  };
}

/** Of the inventory's files, the one that has the nodes. */
function fileOfNodes(inventory: string): string {
  const { files } = loadInventory(inventory);
  const texts = files.map((file) => ({ file, text: readFileSync(file, "utf8") }));
  return fileFor(texts, ["nodes"])?.file ?? inventory;
}

interface Change {
  readonly before: string;
  readonly after: string;
  /** As `diff -u` writes it. */
  readonly diff: readonly string[];
}

/** The file with the node in it, as the loader takes it; throws with all that it finds wrong. */
function changeOf(file: string, { as: name, inventory = "" }: AcceptOptions, entry: Entry): Change {
  const before = readFileSync(file, "utf8");
  let after: string;
  try {
    after = addNode(before, name, entry);
  } catch (error) {
    throw new CliError(exitCodes.usage, `${file}: ${messageOf(error)}`);
  }
  const changed = realpathSync(file);
  const read = loadEdited(inventory, file, after);
  if (!read.files.some((name) => realpathSync(name) === changed))
    throw new CliError(
      exitCodes.usage,
      `${file} is no file of the inventory ${inventory}`,
      `name one of: ${read.files.join(", ")}`,
    );
  if ("problems" in read)
    throw new CliError(
      exitCodes.usage,
      `with node ${name} the inventory would have ${read.problems.length} problem(s), so nothing is written\n${read.problems.map(formatProblem).join("\n")}`,
      "choose other values with the options of rackstrap accept --help",
    );
  return { before, after, diff: unifiedDiff({ from: file, to: file }, before, after) };
}
