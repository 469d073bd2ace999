// The three DHCP servers as an operator would start them: what each is configured with, and its start and end.
// All have the same network, pool, lease time and one reservation; what differs beyond that is said here.

import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inventorySchema } from "../../src/inventory/schema.ts";
import type { InventoryFile } from "../../vm-harness/rack-inventory.ts";
import { addresses, type Lab, network, reservedMac, runClient, serverInterface } from "./lab.ts";
import { type Preparation, type Prepare, withServerProcess } from "./server-process.ts";

export const dhcpServers = {
  rackstrap: prepareRackstrap,
  kea: prepareKea,
  dnsmasq: prepareDnsmasq,
} as const satisfies Record<string, Prepare>;

export type ServerName = keyof typeof dhcpServers;
export const serverNames = Object.keys(dhcpServers) as readonly ServerName[];

const leaseSeconds = 3600;
const repository = join(import.meta.dirname, "../..");

async function prepareRackstrap(directory: string): Promise<Preparation> {
  const inventoryFile = join(directory, "site.json");
  await mkdir(join(directory, "assets"));
  await writeFile(join(directory, "password"), "unused\n");
  await writeFile(inventoryFile, JSON.stringify(inventory(directory)));
  const main = join(repository, "src/cli/main.ts");
  return { argv: [process.execPath, main, "serve", "--inventory", inventoryFile] };
}

function inventory(directory: string): InventoryFile {
  return {
    site: "bench",
    domain: "example.com",
    cluster: { name: "bench" },
    server: {
      address: addresses.server,
      interface: serverInterface,
      stateDirectory: join(directory, "state"),
      assetDirectory: join(directory, "assets"),
    },
    // The others don't look for machines that use an address without a lease: dnsmasq is told not to, Kea 2.2 can't.
    ...("dhcp" in inventorySchema.shape ? { dhcp: { conflictProbe: false } } : {}),
    networks: {
      provisioning: {
        cidr: network,
        gateway: "10.77.0.254",
        pool: { start: addresses.poolStart, end: addresses.poolEnd },
        dns: ["10.77.0.254"],
        domain: "prov.example.com",
        leaseSeconds,
      },
      production: { cidr: "10.78.0.0/24", gateway: "10.78.0.1", dns: ["10.78.0.1"] },
      management: { cidr: "10.79.0.0/24" },
    },
    install: { flake: "/nonexistent" },
    profiles: { worker: { role: "worker" } },
    nodes: {
      reserved: {
        mac: reservedMac,
        profile: "worker",
        firmware: "uefi",
        provisioningAddress: addresses.reserved,
        productionAddress: "10.78.0.50",
        disk: "/dev/sda",
        bmc: {
          address: "10.79.0.50",
          user: "admin",
          password: { file: join(directory, "password") },
        },
      },
    },
  };
}

/**
 * Kea as Debian ships it: leases in a memfile that is written at every change, one thread, raw sockets. Only its
 * log is quieter (WARN for INFO), which is to its advantage.
 */
async function prepareKea(directory: string): Promise<Preparation> {
  const configuration = {
    Dhcp4: {
      "interfaces-config": { interfaces: [serverInterface] },
      "lease-database": {
        type: "memfile",
        name: join(directory, "leases.csv"),
        "lfc-interval": 3600,
      },
      "valid-lifetime": leaseSeconds,
      subnet4: [
        {
          subnet: network,
          pools: [{ pool: `${addresses.poolStart} - ${addresses.poolEnd}` }],
          "option-data": [
            { name: "routers", data: "10.77.0.254" },
            { name: "domain-name-servers", data: "10.77.0.254" },
            { name: "domain-name", data: "prov.example.com" },
          ],
          reservations: [{ "hw-address": reservedMac, "ip-address": addresses.reserved }],
        },
      ],
      loggers: [{ name: "kea-dhcp4", severity: "WARN", output_options: [{ output: "stdout" }] }],
    },
  };
  const file = join(directory, "kea.json");
  await writeFile(file, JSON.stringify(configuration));
  // Debian's AppArmor profile is for the program at its own path and lets it write to /var/lib/kea alone.
  const program = join(directory, "kea-dhcp4");
  await copyFile("/usr/sbin/kea-dhcp4", program);
  const environment = { KEA_PIDFILE_DIR: directory, KEA_LOCKFILE_DIR: directory };
  return { argv: [program, "-c", file], environment };
}

/** dnsmasq as a DHCP server alone, without its log line for each message, which is to its advantage. */
async function prepareDnsmasq(directory: string): Promise<Preparation> {
  const argv = [
    ...["dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0"],
    ...[`--interface=${serverInterface}`, "--bind-interfaces", "--no-ping", "--quiet-dhcp"],
    ...["--dhcp-lease-max=100000", `--dhcp-leasefile=${join(directory, "leases")}`, "--pid-file="],
    `--dhcp-range=${addresses.poolStart},${addresses.poolEnd},255.255.0.0,${leaseSeconds}`,
    `--dhcp-host=${reservedMac},${addresses.reserved}`,
    ...["--dhcp-option=3,10.77.0.254", "--dhcp-option=6,10.77.0.254"],
    ...["--domain=prov.example.com", "--log-facility=-"],
  ];
  return { argv };
}

export interface RunningServer {
  readonly name: ServerName;
  readonly pid: number;
}

/** Starts a server on fresh files, waits until it answers, does the work and stops it again. */
export function withServer<T>(
  lab: Lab,
  name: ServerName,
  work: (server: RunningServer) => Promise<T>,
): Promise<T> {
  const ask = () => askDhcp(lab);
  return withServerProcess(lab, name, dhcpServers[name], ask, (pid) => work({ name, pid }));
}

/** By a DISCOVER, which leases nothing. */
async function askDhcp(lab: Lab): Promise<string | undefined> {
  const argv = ["perfdhcp", "-4", "-i", "-l", addresses.relay, "-n", "4", "-r", "10", "-p", "1"];
  const result = await runClient(lab, [...argv, "-d", "0.3", addresses.server], 10_000);
  // The last answer may come after perfdhcp's end, which it then counts as lost.
  if (/received packets: [1-9]/.test(result.stdout)) return undefined;
  return result.stderr.trim() || result.stdout.trim();
}
