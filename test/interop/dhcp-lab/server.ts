// The DHCP server in a namespace of a lab, and what it says happened.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DhcpSighting } from "../../../src/dhcp/event-digest.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import type { Site, WrittenSubnet } from "../dhcp-process.ts";
import type { Lab, Program } from "./lab.ts";

const script = fileURLToPath(new URL("../dhcp-process.ts", import.meta.url));

export interface DhcpProcess {
  readonly program: Program;
  /** How much it has said so far; for `since`. */
  mark(): number;
  events(since?: number): Partial<DhcpSighting>[];
  /** The first event that has these values. */
  event(wanted: Partial<DhcpSighting>, since?: number): Promise<Partial<DhcpSighting>>;
}

/** A network 10.77.`third`.0/24 with every parameter, whose pool is .100 to .149. */
export function network(third: number, changes: Partial<WrittenSubnet> = {}): WrittenSubnet {
  const ip = (last: number) => `10.77.${third}.${last}` as Ipv4;
  return {
    name: `rack${third}`,
    cidr: `10.77.${third}.0/24`,
    mode: "authoritative",
    interface: undefined,
    router: ip(1),
    dns: [ip(2), ip(3)],
    domain: "prov.example.com",
    searchDomains: [],
    ntp: [ip(4)],
    mtu: 1400,
    routes: [],
    pools: [{ start: ip(100), end: ip(149) }],
    leaseSeconds: 600,
    minLeaseSeconds: 8,
    maxLeaseSeconds: 7200,
    ...changes,
  };
}

/** Starts the server, its leases in memory or in `leaseFile`, and waits until it says that it runs; rejects with what it says when it does not. */
export async function startDhcp(
  lab: Lab,
  space: string,
  site: Partial<Site> & Pick<Site, "interfaces" | "subnets">,
  leaseFile?: string,
): Promise<DhcpProcess> {
  const file = join(lab.directory, `${space}.json`);
  await writeFile(file, JSON.stringify({ reservations: [], conflictProbe: false, ...site }));
  const [first] = site.interfaces;
  const argv = [script, first?.name ?? "", file, ...(leaseFile === undefined ? [] : [leaseFile])];
  const program = lab.start(space, process.execPath, ...argv);
  const read = (line: string) =>
    (line.startsWith("{") ? JSON.parse(line) : {}) as Partial<DhcpSighting>;
  const has = (line: string, wanted: Partial<DhcpSighting>) => {
    const event = read(line);
    return Object.entries(wanted).every(
      ([key, value]) => event[key as keyof typeof event] === value,
    );
  };
  await program.said('{"kind":"running"');
  return {
    program,
    mark: () => program.lines.length,
    events: (since = 0) => program.lines.slice(since).map(read),
    event: async (wanted, since = 0) =>
      read(await program.said((line) => has(line, wanted), since)),
  };
}
