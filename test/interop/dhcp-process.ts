// A DHCP server as a process of its own, so that a test can start it inside a network namespace.
// `node dhcp-process.ts INTERFACE [SITE.json [LEASES.db]]`; every event is a line of JSON on standard output, the first line
// says "running" and the process id. SITE.json has interfaces, subnets with CIDRs as text, reservations, fallbackLoader,
// conflictProbe and allowSecondServer.

import { readFileSync } from "node:fs";
import { createNetbootPolicy } from "../../src/boot/netboot-policy.ts";
import { sightingOf } from "../../src/dhcp/event-digest.ts";
import type { DhcpConfig, Subnet } from "../../src/dhcp/policy.ts";
import { openDhcpServer } from "../../src/dhcp/server.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { type Cidr, parseCidr } from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { openLeaseFile, readBootId } from "../../src/store/leases.ts";
import { createMemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";
import { exampleInventory } from "../fakes/rack.ts";

export type WrittenSubnet = Omit<Subnet, "cidr" | "routes"> & {
  readonly cidr: string;
  readonly routes: readonly { readonly to: string; readonly via: Ipv4 }[];
};

export interface Site extends Pick<DhcpConfig, "interfaces" | "conflictProbe"> {
  readonly subnets: readonly WrittenSubnet[];
  readonly reservations: readonly {
    readonly mac: Mac;
    readonly address: Ipv4;
    readonly hostName: string;
  }[];
  readonly fallbackLoader?: string;
  readonly allowSecondServer?: boolean;
}

const ip = (text: string) => text as Ipv4;
const [device = "", siteFile, leaseFile] = process.argv.slice(2);

const usual: Site = {
  interfaces: [{ name: device, address: ip("10.77.0.1") }],
  subnets: [subnet(0, device), subnet(1, undefined)],
  reservations: [
    { mac: "02:77:00:00:00:50" as Mac, address: ip("10.77.0.50"), hostName: "node01" },
  ],
  conflictProbe: false,
};

function subnet(third: number, attached: string | undefined): WrittenSubnet {
  return {
    name: `rack${third}`,
    cidr: `10.77.${third}.0/24`,
    mode: "authoritative",
    interface: attached,
    router: ip(`10.77.${third}.1`),
    dns: [ip("10.77.0.1"), ip("8.8.8.8")],
    domain: "prov.example.com",
    searchDomains: [],
    ntp: [],
    mtu: undefined,
    routes: [],
    pools: [{ start: ip(`10.77.${third}.100`), end: ip(`10.77.${third}.200`) }],
    leaseSeconds: 600,
    minLeaseSeconds: 60,
    maxLeaseSeconds: 7200,
  };
}

const cidr = (text: string) => parseCidr(text) as Cidr;
const site = siteFile === undefined ? usual : (JSON.parse(readFileSync(siteFile, "utf8")) as Site);
const config: DhcpConfig = {
  interfaces: site.interfaces,
  subnets: site.subnets.map((written) => ({
    ...written,
    cidr: cidr(written.cidr),
    routes: written.routes.map(({ to, via }) => ({ to: cidr(to), via })),
  })),
  relays: [],
  conflictProbe: site.conflictProbe,
  allowSecondServer: site.allowSecondServer ?? false,
};
const [declared] = exampleInventory().nodes;
const inventory = {
  ...exampleInventory(),
  boot: site.fallbackLoader === undefined ? {} : { fallbackLoader: site.fallbackLoader },
  nodes: site.reservations.map(({ mac, address, hostName }) => ({
    ...declared,
    mac,
    name: hostName,
    provisioningAddress: address,
  })),
} as Inventory;

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
const now = () => Number(process.hrtime.bigint() / 1_000_000n);
const leases =
  leaseFile === undefined
    ? undefined
    : openLeaseFile(leaseFile, { wallNow: Date.now, bootId: readBootId() });
const server = await openDhcpServer({
  config,
  policy: createNetbootPolicy({
    inventory: () => inventory,
    httpPort: 8080,
    loaders: new Set(["ipxe.efi", "undionly.kpxe"]),
    refusedLoaders: new Map(),
    now,
  }),
  journal: leases ?? createMemoryLeaseJournal(),
  onEvent: (event) => print(sightingOf(event)),
  onWarning: (message) => print({ level: "warn", message }),
  inheritedFds: [],
  now,
});

let stopped = false;
process.once("SIGTERM", () => {
  stopped = true;
});
print({ kind: "running", pid: process.pid });
while (!stopped) {
  server.turn();
  const failure = leases?.failure();
  if (failure !== undefined) throw new Error(failure);
  // Signals and output have their turn here.
  await new Promise((resolve) => setImmediate(resolve));
}
server.close();
