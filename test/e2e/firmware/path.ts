// One firmware path on a virtual rack of its own: from a powered-off machine with a blank disk to an active node.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ensureImages } from "../../../vm-harness/images/ensure.ts";
import { runInNamespace } from "../../../vm-harness/network.ts";
import { createRack, type Rack, type RackOptions } from "../../../vm-harness/rack.ts";
import type { InventoryFile } from "../../../vm-harness/rack-inventory.ts";
import { type RackServer, rackstrap, startServer } from "../../../vm-harness/server.ts";

const root = join(import.meta.dirname, "../../..");

export interface PathSetUp extends Pick<RackOptions, "nodes" | "network"> {
  readonly inventory?: (inventory: InventoryFile) => InventoryFile;
}

/** What was seen of a path when its nodes were provisioned. */
export interface Walked {
  readonly rack: Rack;
  /** Each file that TFTP was asked for, with its outcome, in order. */
  tftp(): { file: string; outcome: string }[];
  /** Paths of the boot plane that were answered with 200 or 206, in order. */
  http(): string[];
  /** Boot files that DHCP gave, in order, without repeats in a row. */
  bootFiles(): string[];
  console(node: string): string;
  /** What a command prints on the installed node. */
  ssh(node: string, command: string): Promise<string>;
}

/** Provisions every node of a rack and hands over what was seen; removes the rack, and keeps its files after a failure. */
export async function walk(setUp: PathSetUp, look: (walked: Walked) => Promise<void>) {
  mkdirSync(join(root, ".state"), { recursive: true });
  const directory = mkdtempSync(join(root, ".state/firmware-"));
  // Each request of a machine is logged at this level.
  process.env["RACKSTRAP_LOG_LEVEL"] = "debug";
  const { inventory, ...options } = setUp;
  const rack = await createRack({ ...options, directory, images: ensureImages() });
  let server: RackServer | undefined;
  try {
    if (inventory !== undefined) rack.writeInventory(inventory);
    server = await startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
    await provision(rack);
    await look(seen(rack));
  } catch (cause) {
    throw new Error(`${String(cause)}\nconsoles and logs are in ${directory}`, { cause });
  } finally {
    await server?.stop();
    rack.close();
  }
  rmSync(directory, { recursive: true, force: true });
}

async function provision(rack: Rack): Promise<void> {
  const names = rack.machines.map(({ name }) => name);
  const run = (args: readonly string[]) =>
    rackstrap(rack.namespace, rack.inventoryFile, args, 20 * 60_000);
  const { code, stdout, stderr } = await run(["provision", ...names]);
  if (code !== 0) throw new Error(`provision ended with ${code}: ${stdout}${stderr}`);
  const shape = z.object({ nodes: z.array(z.object({ state: z.string() })) });
  const { nodes } = shape.parse(JSON.parse((await run(["nodes", "--json"])).stdout));
  const waiting = nodes.filter(({ state }) => state !== "active");
  if (waiting.length > 0) throw new Error(`not all nodes are active: ${JSON.stringify(nodes)}`);
}

const logLine = z.looseObject({
  service: z.string().optional(),
  msg: z.string().optional(),
  file: z.string().optional(),
  outcome: z.string().optional(),
  url: z.string().optional(),
  status: z.number().optional(),
  bootFile: z.string().optional(),
});

function seen(rack: Rack): Walked {
  const lines = () =>
    readFileSync(join(rack.directory, "server.log"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => logLine.parse(JSON.parse(line)));
  return {
    rack,
    tftp: () =>
      lines().flatMap(({ service, msg, file, outcome = "refused" }) =>
        service === "tftp" && msg?.toLowerCase().includes("tftp") === true && file !== undefined
          ? [{ file, outcome }]
          : [],
      ),
    http: () =>
      lines().flatMap(({ service, url, status }) =>
        service === "http" && url !== undefined && (status === 200 || status === 206)
          ? [url.replace(/\?.*$/, "")]
          : [],
      ),
    bootFiles: () =>
      lines()
        .flatMap(({ bootFile }) => bootFile ?? [])
        .filter((file, index, all) => file !== all[index - 1]),
    console: (node) => rack.machine(node).consoleLog(),
    ssh: (node, command) => onNode(rack, node, command),
  };
}

async function onNode(rack: Rack, node: string, command: string): Promise<string> {
  const index = rack.machines.findIndex(({ name }) => name === node);
  const { code, stdout, stderr } = await runInNamespace(rack.namespace, [
    ...["ssh", "-F", "none", "-i", rack.operatorKeyFile, "-o", "BatchMode=yes"],
    ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
    ...[`root@10.0.200.${10 + index}`, command],
  ]);
  if (code !== 0) throw new Error(`${node}: ${command}: ${stderr}`);
  return stdout;
}
