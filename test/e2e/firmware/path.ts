// One firmware path on a virtual rack of its own: from a powered-off machine with a blank disk to an active node.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { ensureImages } from "../../../vm-harness/images/ensure.ts";
import { runInNamespace } from "../../../vm-harness/network.ts";
import { createRack, type Rack, type RackOptions } from "../../../vm-harness/rack.ts";
import type { InventoryFile } from "../../../vm-harness/rack-inventory.ts";
import { type RackServer, rackstrap, startServer } from "../../../vm-harness/server.ts";

const root = join(import.meta.dirname, "../../..");

export interface PathSetUp extends Pick<RackOptions, "nodes" | "network"> {
  readonly inventory?: (inventory: InventoryFile) => InventoryFile;
  /** Where the path ends: every node active, or the first one's installer about to write. Default: active. */
  readonly until?: "active" | "installing";
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
  /** What a command prints on the installed node, or in its installer. */
  ssh(node: string, command: string): Promise<string>;
}

/** Provisions every node of a rack and hands over what was seen; removes the rack, and keeps its files after a failure. */
export async function walk(setUp: PathSetUp, look: (walked: Walked) => Promise<void>) {
  mkdirSync(join(root, ".state"), { recursive: true });
  const directory = mkdtempSync(join(root, ".state/firmware-"));
  // Each request of a machine is logged at this level.
  process.env["RACKSTRAP_LOG_LEVEL"] = "debug";
  const { inventory, until = "active", ...options } = setUp;
  const arm64 = setUp.nodes.some(({ architecture }) => architecture === "aarch64");
  const images = ensureImages(arm64 ? "arm64" : "amd64");
  const rack = await createRack({ ...options, directory, images });
  let server: RackServer | undefined;
  try {
    if (inventory !== undefined) rack.writeInventory(inventory);
    server = await startServer(rack.namespace, rack.inventoryFile, join(directory, "server.log"));
    await (until === "active" ? provision(rack) : provisionToInstaller(rack));
    await look(seen(rack, until));
  } catch (cause) {
    throw new Error(`${String(cause)}\nconsoles and logs are in ${directory}`, { cause });
  } finally {
    await server?.stop();
    rack.close();
  }
  rmSync(directory, { recursive: true, force: true });
}

async function provision(rack: Rack): Promise<void> {
  await run(rack, ["provision", "--execute", ...rack.machines.map(({ name }) => name)]);
  const found = await states(rack);
  if (found.some((state) => state !== "active"))
    throw new Error(`the nodes are ${found.join(", ")}, not active`);
}

async function provisionToInstaller(rack: Rack): Promise<void> {
  await run(rack, ["provision", "--execute", "--detach", ...rack.machines.map(({ name }) => name)]);
  for (let seconds = 0; seconds < 600; seconds += 2) {
    const [state] = await states(rack);
    // From here on the installer is known by SSH: it said which machine it runs on.
    if (state === "installing") return;
    if (state === "failed") break;
    await sleep(2000);
  }
  throw new Error(`no installer came: ${(await run(rack, ["explain", "node01"])).trim()}`);
}

async function run(rack: Rack, args: readonly string[]): Promise<string> {
  const { namespace, inventoryFile } = rack;
  const { code, stdout, stderr } = await rackstrap(namespace, inventoryFile, args, 20 * 60_000);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

async function states(rack: Rack): Promise<string[]> {
  const shape = z.object({ nodes: z.array(z.object({ state: z.string() })) });
  const { nodes } = shape.parse(JSON.parse(await run(rack, ["nodes", "--json"])));
  return nodes.map(({ state }) => state);
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

function seen(rack: Rack, until: PathSetUp["until"]): Walked {
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
    ssh: (node, command) => {
      const index = rack.machines.findIndex(({ name }) => name === node);
      const installer = join(rack.directory, "state/ssh/id_ed25519");
      return until === "installing"
        ? onMachine(rack, `10.0.100.${50 + index}`, installer, command)
        : onMachine(rack, `10.0.200.${10 + index}`, rack.operatorKeyFile, command);
    },
  };
}

async function onMachine(rack: Rack, address: string, key: string, command: string) {
  const { code, stdout, stderr } = await runInNamespace(rack.namespace, [
    ...["ssh", "-F", "none", "-i", key, "-o", "BatchMode=yes"],
    ...["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"],
    ...[`root@${address}`, command],
  ]);
  if (code !== 0) throw new Error(`${address}: ${command}: ${stderr}`);
  return stdout;
}
