// A DHCP server as a process of its own, so that a test can start it inside a network namespace.
// `node dhcp-process.ts INTERFACE`; every event is a line of JSON on standard output, the first line says "running".

import { loaderFor } from "../../src/boot/firmware.ts";
import { createDhcpServer } from "../../src/dhcp/server.ts";
import { type Cidr, parseCidr } from "../../src/net/cidr.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createMemoryLeaseStore } from "../fakes/memory-lease-store.ts";

const ip = (text: string) => text as Ipv4;
const reservedMac = "02:77:00:00:00:50" as Mac;

function subnet(third: number) {
  return {
    cidr: parseCidr(`10.77.${third}.0/24`) as Cidr,
    router: ip(`10.77.${third}.1`),
    dns: [ip("10.77.0.1"), ip("8.8.8.8")],
    domain: "prov.example.com",
    pool: { start: ip(`10.77.${third}.100`), end: ip(`10.77.${third}.200`) },
  };
}

const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const server = createDhcpServer({
  interface: process.argv[2] ?? "",
  config: {
    serverAddress: ip("10.77.0.1"),
    subnets: [subnet(0), subnet(1)],
    leaseSeconds: 600,
    minLeaseSeconds: 60,
    maxLeaseSeconds: 7200,
  },
  policy: {
    reservation: (mac) =>
      mac === reservedMac ? { address: ip("10.77.0.50"), hostName: "node01" } : undefined,
    reservedFor: (address) => (address === "10.77.0.50" ? reservedMac : undefined),
    bootFile: ({ ipxe, architectures: [arch] }) =>
      loaderFor({ ipxe, arch }, "http://10.77.0.1:8080/boot/ipxe/boot.ipxe", undefined),
  },
  leases: createMemoryLeaseStore(),
  onEvent: print,
  now: Date.now,
  logger: {
    warn: (fields, message) => print({ level: "warn", message, ...fields }),
    error: (fields, message) => print({ level: "error", message, ...fields }),
  },
});

process.once("SIGTERM", () => {
  void server.close();
});
await server.start();
print({ kind: server.state() });
