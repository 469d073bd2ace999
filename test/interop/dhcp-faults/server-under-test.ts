// The server as a process in the server's namespace, to be killed, traced and started again.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Mac } from "../../../src/net/mac.ts";
import { inServerSpace, serverDevice } from "./network.ts";

export const reserved = { mac: "02:fa:17:ff:00:50" as Mac, address: "10.77.0.50" };

const repository = join(import.meta.dirname, "../../..");

export interface ServerUnderTest {
  /** Resolves when requests are heard, or when the process has ended without getting that far. */
  readonly settled: Promise<void>;
  /** Resolves to the exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** What it has printed so far, standard error included. */
  readonly output: readonly string[];
  /** The server's own, not that of a tracer around it. Undefined until it runs. */
  pid(): number | undefined;
  /** Resolves to the first line that holds the text, past or future; rejects when the process ends without it. */
  printed(text: string): Promise<string>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
}

/** The DHCP server alone (dhcp-process.ts). `wrapper` is argv to run it under. */
export function startDhcp(
  siteFile: string,
  leaseFile: string,
  wrapper: readonly string[] = [],
): ServerUnderTest {
  const script = fileURLToPath(new URL("../dhcp-process.ts", import.meta.url));
  const node = [process.execPath, script, serverDevice, siteFile, leaseFile];
  return watch(inServerSpace([...wrapper, ...node]), '"kind":"running"');
}

/** The product. */
export function startProduct(inventoryFile: string): ServerUnderTest {
  return watch(inServerSpace(productArgv(inventoryFile, repository)), "server started");
}

/** argv of the product from the sources at `root`. */
export function productArgv(inventoryFile: string, root: string): string[] {
  const node = [join(root, "node_modules/.bin/node"), join(root, "src/cli/main.ts")];
  return [...node, "serve", "--inventory", inventoryFile];
}

/** `argv` as a server that has started when it prints `runningText`, in a line of JSON with its pid. */
export function watch(argv: readonly string[], runningText: string): ServerUnderTest {
  const [command = "", ...rest] = argv;
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  const wakers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    createInterface(stream).on("line", (line) => {
      output.push(line);
      for (const wake of wakers) wake();
    });
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  const printed = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = output.find((candidate) => candidate.includes(text));
        if (line === undefined) return;
        wakers.delete(look);
        resolve(line);
      };
      wakers.add(look);
      look();
      void ended.then((code) =>
        reject(new Error(`it ended with ${code} without "${text}":\n${output.join("\n")}`)),
      );
    });
  const pid = () => {
    const line = output.find((candidate) => candidate.includes(runningText));
    return line === undefined ? undefined : (JSON.parse(line) as { pid: number }).pid;
  };
  const settled = Promise.race([printed(runningText).catch(() => undefined), ended]);
  return {
    settled: settled.then(() => undefined),
    ended,
    output,
    pid,
    printed,
    kill: () => end(child, pid()),
  };
}

async function end(child: ChildProcess, pid: number | undefined): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  // A tracer ends with what it traces; the other way round it would let it go on.
  try {
    process.kill(pid ?? child.pid ?? 0, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
  await closed;
}

/** One network of 65,534 addresses, a reservation, and no waiting for other servers unless it is asked for. */
export function writeSite(
  file: string,
  changes: { readonly leaseSeconds?: number; readonly allowSecondServer?: boolean } = {},
): void {
  const { leaseSeconds = 3600, allowSecondServer = true } = changes;
  const subnet = {
    name: "rack",
    cidr: "10.77.0.0/16",
    mode: "authoritative",
    interface: serverDevice,
    router: "10.77.0.1",
    dns: ["10.77.0.1"],
    domain: "prov.example.com",
    searchDomains: [],
    ntp: [],
    routes: [],
    pools: [{ start: "10.77.1.1", end: "10.77.250.254" }],
    leaseSeconds,
    minLeaseSeconds: 1,
    maxLeaseSeconds: 7200,
  };
  const site = {
    interfaces: [{ name: serverDevice, address: "10.77.0.1" }],
    subnets: [subnet],
    reservations: [{ ...reserved, hostName: "node01" }],
    conflictProbe: false,
    allowSecondServer,
  };
  writeFileSync(file, JSON.stringify(site));
}

/** The inventory of a site with that network; state and assets are below `directory`. */
export function writeInventory(
  file: string,
  directory: string,
  changes: { readonly conflictProbe?: boolean } = {},
): void {
  const flat = { gateway: "10.78.0.1", dns: ["10.78.0.1"] };
  const inventory = {
    site: "faults",
    domain: "example.com",
    cluster: { name: "faults" },
    server: {
      address: "10.77.0.1",
      interface: serverDevice,
      stateDirectory: join(directory, "state"),
      assetDirectory: join(directory, "assets"),
    },
    networks: {
      provisioning: {
        cidr: "10.77.0.0/16",
        gateway: "10.77.0.254",
        pool: { start: "10.77.1.1", end: "10.77.250.254" },
        dns: ["10.77.0.254"],
        domain: "prov.example.com",
      },
      production: { cidr: "10.78.0.0/24", ...flat },
      management: { cidr: "10.79.0.0/24" },
    },
    dhcp: { conflictProbe: changes.conflictProbe ?? false, allowSecondServer: true },
    install: { flake: directory },
    profiles: { worker: { role: "worker" } },
    nodes: {
      node01: {
        mac: reserved.mac,
        profile: "worker",
        firmware: "uefi",
        provisioningAddress: reserved.address,
        productionAddress: "10.78.0.10",
        disk: "/dev/vda",
        bmc: { address: "10.79.0.10", user: "admin", password: { env: "BMC_PASSWORD" } },
      },
    },
  };
  mkdirSync(join(directory, "assets"), { recursive: true });
  writeFileSync(file, JSON.stringify(inventory));
}
