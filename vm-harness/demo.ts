// `npm run demo`: three blank virtual machines become one healthy cluster, by the product's own commands.
// Set-up is setup.sh's; this builds the images, wires the rack, starts the server and provisions.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ensureImages } from "./images/ensure.ts";
import { createRack, type Rack } from "./rack.ts";
import { type RackServer, rackstrapForPerson, startServer } from "./server.ts";

const root = join(import.meta.dirname, "..");
const bmcs = ["ipmi_sim", "ipmi-17", "redfish"] as const;
const usage = "usage: npm run demo -- [--keep] [--nodes 1-7] [--firmware bios,uefi]";

type Firmware = "bios" | "uefi";

interface Choice {
  readonly keep: boolean;
  readonly nodes: number;
  readonly firmware: readonly Firmware[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Reads the options, or says what is wrong with them. */
function readChoice(): Choice | string {
  try {
    const { values } = parseArgs({
      options: {
        keep: { type: "boolean", default: false },
        nodes: { type: "string", default: "3" },
        firmware: { type: "string", default: "bios,uefi" },
      },
    });
    const nodes = Number(values.nodes);
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > 7)
      return `--nodes ${values.nodes}: give a number from 1 to 7`;
    const firmware = values.firmware.split(",");
    const known = firmware.filter((name): name is Firmware => name === "bios" || name === "uefi");
    if (known.length < firmware.length)
      return `--firmware ${values.firmware}: give bios, uefi or both with a comma`;
    return { keep: values.keep, nodes, firmware: known };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function demo(choice: Choice): Promise<number> {
  const startedAt = Date.now();
  const images = ensureImages();
  mkdirSync(join(root, ".state"), { recursive: true });
  const directory = mkdtempSync(join(root, ".state/demo-"));
  const names = Array.from({ length: choice.nodes }, (_, index) => `node0${index + 1}`);
  say(
    `rack: ${choice.nodes} powered-off machines with blank disks (${choice.firmware.join(", ")})`,
  );
  const rack = await createRack({
    directory,
    images,
    nodes: names.map((name, index) => ({
      name,
      firmware: choice.firmware[index % choice.firmware.length] ?? "bios",
      bmc: bmcs[index % bmcs.length] ?? "ipmi_sim",
    })),
  });
  let server: RackServer | undefined;
  try {
    server = await startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
    say(`server: running, log in ${join(directory, "server.log")}`);
    const code = await provisionAndShow(rack, names);
    say(`${Math.round((Date.now() - startedAt) / 1000)} s in all`);
    if (choice.keep) await keep(rack, server);
    return code;
  } finally {
    await server?.stop();
    rack.close();
    // After a failure the consoles and logs are what a person wants to read.
    if (process.exitCode === 0) rmSync(directory, { recursive: true, force: true });
  }
}

async function provisionAndShow(rack: Rack, names: readonly string[]): Promise<number> {
  const run = (args: readonly string[]) =>
    rackstrapForPerson(rack.namespace, rack.inventoryFile, args);
  const provisioned = await run(["provision", "--execute", ...names]);
  const shown = await run(["nodes"]);
  const healthy = await run(["cluster", "status"]);
  process.exitCode = [provisioned, shown, healthy].find((code) => code !== 0) ?? 0;
  return Number(process.exitCode);
}

/** Leaves everything running until Ctrl-C, with the lines a person needs to talk to it. */
async function keep(rack: Rack, server: RackServer): Promise<void> {
  const cli = `ip netns exec ${rack.namespace} npm run --silent rackstrap --`;
  say(`
The rack keeps running (server pid ${server.pid}). In another terminal, in this folder:
  export RACKSTRAP_INVENTORY=${rack.inventoryFile}
  ${cli} nodes
  ${cli} explain node01
  ${cli} power cycle node02
  ${cli} cluster status
Consoles: ${rack.machines.map((machine) => join(machine.directory, "console.log")).join(" ")}
Ctrl-C ends the rack and removes it.`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
}

const choice = readChoice();
if (typeof choice === "string") {
  process.stderr.write(`${choice}\n${usage}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = 1;
  process.exitCode = await demo(choice).catch((error: unknown) => {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  });
}
