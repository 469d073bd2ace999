// The virtual rack: powered-off machines with real firmware behind real IPMI BMCs, on the runbook's three
// networks, in a network namespace of their own. It starts no boot server and powers nothing on.

import { randomBytes } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Ipv4 } from "../src/net/ipv4.ts";
import type { Mac } from "../src/net/mac.ts";
import { findAccelerator } from "./accelerator.ts";
import { createMachine, type Machine } from "./machine.ts";
import { addNeighbour, neighbourNamespace, neighbourOf, type RackNetwork } from "./neighbours.ts";
import { createNetwork, removeNetwork, spawnInNamespace } from "./network.ts";
import { type BmcKind, startBmc } from "./rack-bmc.ts";
import { copyAssets, makeKey, writeInventoryFiles } from "./rack-files.ts";
import { type InventoryFile, inventoryOf } from "./rack-inventory.ts";
import { forgetRack, recordRack, removeAbandonedRacks } from "./rack-record.ts";
import { checkRequirements } from "./requirements.ts";

/** One machine as asked for; the rest follows from its place in the list. */
export interface RackMachine {
  /** At most 10 characters. */
  readonly name: string;
  readonly firmware: "bios" | "uefi";
  /** Default 1024. */
  readonly memoryMiB?: number;
  /** See `MachineSpec.networkRom`. Default: true on BIOS, false on UEFI. */
  readonly networkRom?: boolean;
  /** See `MachineSpec.networkBoot`. Default: pxe. */
  readonly networkBoot?: "pxe" | "http";
  /** Default: false. */
  readonly secureBoot?: boolean;
  /** See `Hardware.inBandBmc`. Default: false. */
  readonly inBandBmc?: boolean;
  /** Default: ipmi_sim. */
  readonly bmc?: BmcKind;
  /** Default: x86_64. */
  readonly architecture?: "x86_64" | "aarch64";
}

export interface RackOptions {
  /** Where disks, logs, inventory and server state go. Made when it doesn't exist; holds no other rack. */
  readonly directory: string;
  /** Output of images/build.ts. Without it nothing can be installed, which a test of power needs not. */
  readonly images?: string;
  /** The machines the inventory declares, at most 7: 52:54:00:12:34:56, BMC 10.0.10.50, and on from there. */
  readonly nodes: readonly RackMachine[];
  /** What stands between the machines and the server. Default: nothing. */
  readonly network?: RackNetwork;
  /** Machines that no inventory knows, at most 5: 52:54:00:12:35:00, BMC 10.0.10.90, and on from there. */
  readonly extraMachines?: readonly RackMachine[];
}

export interface Rack {
  readonly namespace: string;
  readonly directory: string;
  /** Nodes first, then the extra machines. */
  readonly machines: readonly Machine[];
  readonly inventoryFile: string;
  /** Private key that may log in as root on every installed node. */
  readonly operatorKeyFile: string;
  /** The machine of that name; throws when there is none. */
  machine(name: string): Machine;
  /** Writes the inventory again, changed: how a test declares a wrong password or a shorter time limit. */
  writeInventory(change: (inventory: InventoryFile) => InventoryFile): void;
  /**
   * Cuts the power: ends every process in the namespace and removes it. The files stay. May be called again.
   * It also happens when this process exits, and on SIGINT and SIGTERM when nobody else listens for them.
   */
  close(): void;
}

/** Makes the rack and starts its BMCs; every machine is off. Needs root and the packages of setup.sh. */
export async function createRack(options: RackOptions): Promise<Rack> {
  const { network = "plain", nodes: asked, extraMachines = [] } = options;
  const arm64 = [...asked, ...extraMachines].some(({ architecture }) => architecture === "aarch64");
  checkRequirements(network, arm64);
  removeAbandonedRacks();
  const directory = resolve(options.directory);
  const namespace = `rack-${randomBytes(3).toString("hex")}`;
  const places = machinePlaces(options);
  mkdirSync(join(directory, "machines"), { recursive: true });
  const accelerator = await findAccelerator();
  const machines = places.map((spec, index) =>
    createMachine(spec, { directory: join(directory, "machines"), namespace, index }, accelerator),
  );
  const nodes = machines.slice(0, options.nodes.length);
  const inventoryFile = join(directory, "site.yaml");
  const operatorKeyFile = join(directory, "operator-key");
  makeKey(operatorKeyFile, "rack operator");
  makeKey(join(directory, "provisioning-key"), "rack provisioning");
  writeFileSync(join(directory, "ca-passphrase"), `${randomBytes(15).toString("base64url")}\n`, {
    mode: 0o600,
  });
  copyAssets(directory, options.images);
  const writeInventory = (inventory: InventoryFile) =>
    writeInventoryFiles(directory, inventory, options.images);
  const neighbour = neighbourOf(network);
  const base = () => {
    const plain = inventoryOf(nodes, directory);
    return neighbour === undefined ? plain : neighbour.inventory(plain);
  };
  writeInventory(base());

  const close = closeOnce(namespace);
  try {
    createNetwork(namespace, machines);
    startRouter(namespace, directory);
    if (neighbour !== undefined) addNeighbour(neighbour, namespace, directory, base());
    await Promise.all(machines.map((machine) => startBmc(machine, namespace)));
  } catch (error) {
    close();
    throw error;
  }
  return {
    namespace,
    directory,
    machines,
    inventoryFile,
    operatorKeyFile,
    machine: (name) => {
      const machine = machines.find((candidate) => candidate.name === name);
      if (machine === undefined) throw new Error(`the rack has no machine ${name}`);
      return machine;
    },
    writeInventory: (change) => writeInventory(change(base())),
    close,
  };
}

function machinePlaces({ nodes, extraMachines = [] }: RackOptions) {
  if (nodes.length > 7 || extraMachines.length > 5)
    throw new RangeError("a rack has room for 7 nodes and 5 extra machines");
  const place = (machine: RackMachine, mac: string, bmcAddress: string) => ({
    memoryMiB: 1024,
    networkRom: machine.firmware === "bios",
    networkBoot: "pxe" as const,
    secureBoot: false,
    inBandBmc: false,
    architecture: "x86_64" as const,
    bmc: "ipmi_sim" as const,
    diskBytes: 4 * 1024 ** 3,
    ...machine,
    mac: mac as Mac,
    bmcAddress: bmcAddress as Ipv4,
  });
  const hex = (octet: number) => octet.toString(16).padStart(2, "0");
  return [
    ...nodes.map((node, index) =>
      place(node, `52:54:00:12:34:${hex(0x56 + index)}`, `10.0.10.${50 + index}`),
    ),
    ...extraMachines.map((machine, index) =>
      place(machine, `52:54:00:12:35:${hex(index)}`, `10.0.10.${90 + index}`),
    ),
  ];
}

/** Records the rack, and makes the function that ends it, once, however the process comes to its end. */
function closeOnce(namespace: string): () => void {
  const namespaces = [namespace, neighbourNamespace(namespace)];
  for (const each of namespaces) recordRack(each);
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    process.off("exit", close).off("SIGINT", onSignal).off("SIGTERM", onSignal);
    for (const each of namespaces) {
      removeNetwork(each);
      forgetRack(each);
    }
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (process.listenerCount(signal) > 1) return;
    close();
    process.kill(process.pid, signal);
  };
  process.on("exit", close).on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return close;
}

/**
 * Starts the provisioning network's router: it says that there is no IPv6 here. iPXE asks for an IPv6
 * router together with its DHCP request and goes on only when both are done; without an answer that is
 * 16 seconds at each boot, with one it is 3.
 */
function startRouter(namespace: string, directory: string): void {
  const configuration = join(directory, "radvd.conf");
  writeFileSync(
    configuration,
    `interface prov { AdvSendAdvert on; AdvDefaultLifetime 0; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };\n`,
  );
  const log = openSync(join(directory, "radvd.log"), "a");
  const argv = [
    "radvd",
    "-n",
    "-C",
    configuration,
    "-p",
    join(directory, "radvd.pid"),
    "-m",
    "stderr",
  ];
  spawnInNamespace(namespace, argv, { stdio: ["ignore", log, log], detached: true }).unref();
  closeSync(log);
}
