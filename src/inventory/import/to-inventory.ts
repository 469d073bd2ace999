// The old configuration as the parts of an inventory that it has. Pure; formatting is in format-inventory.ts.

import { cidrContains } from "../../net/cidr.ts";
import type { Ipv4 } from "../../net/ipv4.ts";
import { carryNetwork, type NetworkEntry } from "./carry-network.ts";
import { carryNodes, type NodeEntry, toLabel, uniqueLabel } from "./carry-nodes.ts";
import type { LeaseSite } from "./leases.ts";
import type { OldConfig, OldHost, OldNetwork } from "./model.ts";
import type { Note } from "./source.ts";

export interface ImportedInventory {
  /** Attached to server.interface, which is why it names no interface itself. */
  readonly provisioning: NetworkEntry | undefined;
  /** The interface that the old configuration names for it. */
  readonly provisioningInterface: string | undefined;
  readonly serverAddress: Ipv4 | undefined;
  /** Of the nodes' full names. */
  readonly domain: string | undefined;
  readonly subnets: ReadonlyMap<string, NetworkEntry>;
  readonly nodes: ReadonlyMap<string, NodeEntry>;
}

export interface Imported {
  readonly inventory: ImportedInventory;
  /** Everything that is not carried over, in the order of the files. */
  readonly notes: readonly Note[];
  /** What a lease is checked against. */
  readonly site: Omit<LeaseSite, "stored">;
}

/** Names the networks, chooses the provisioning network, and fits everything to the inventory's rules. */
export function toInventory(config: OldConfig): Imported {
  const { nodes, notes: nodeNotes } = carryNodes(config.hosts, config.networks);
  const reservations = [...nodes.values()].flatMap(({ mac, provisioningAddress }) =>
    provisioningAddress === undefined ? [] : [{ mac, address: provisioningAddress }],
  );
  const reserved = reservations.map(({ address }) => address);
  const main = mostReserved(config.networks, reserved);
  const notes = [...config.notes, ...nodeNotes];
  const subnets = new Map<string, NetworkEntry>();
  const pools: LeaseSite["networks"][number][] = [];
  let provisioning: NetworkEntry | undefined;
  for (const network of config.networks) {
    const { entry, notes: networkNotes } = carryNetwork(network, reserved);
    notes.push(...networkNotes);
    pools.push({ cidr: network.cidr, pools: entry.pool ?? [] });
    if (network === main) provisioning = withoutInterface(entry);
    else subnets.set(networkName(network, subnets), entry);
  }
  return {
    inventory: {
      provisioning,
      provisioningInterface: main?.settings.interface ?? config.server?.interface,
      serverAddress: config.server?.address,
      domain: config.server?.domain ?? commonDomain(config.hosts),
      subnets,
      nodes,
    },
    notes: inOrder(notes),
    site: { networks: pools, reservations },
  };
}

/** What follows the first dot of the machines' names, where all that have one agree. */
function commonDomain(hosts: readonly OldHost[]): string | undefined {
  const domains = new Set(
    hosts.flatMap(({ name }) => /^[^.]+\.(.+)$/.exec(name?.toLowerCase() ?? "")?.[1] ?? []),
  );
  const [domain] = domains;
  const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
  return domains.size === 1 && new RegExp(`^${label}(?:\\.${label})*$`).test(domain ?? "")
    ? domain
    : undefined;
}

/** The network where most machines are expected, the first of them when several have as many. */
function mostReserved(
  networks: readonly OldNetwork[],
  reserved: readonly Ipv4[],
): OldNetwork | undefined {
  const count = ({ cidr }: OldNetwork) =>
    reserved.filter((address) => cidrContains(cidr, address)).length;
  const counts = networks.map((network) => ({ network, count: count(network) }));
  return counts.toSorted((a, b) => b.count - a.count)[0]?.network;
}

function withoutInterface({ interface: _, ...entry }: NetworkEntry): NetworkEntry {
  return entry;
}

function networkName({ name, cidr }: OldNetwork, taken: ReadonlyMap<string, NetworkEntry>): string {
  const label = toLabel(name ?? "") ?? `net-${cidr.network.replaceAll(".", "-")}`;
  return uniqueLabel(label, (other) => other === "provisioning" || taken.has(other));
}

/** By file in the order they come up, then by line. */
function inOrder(notes: readonly Note[]): Note[] {
  const files = [...new Set(notes.map(({ place }) => place.file))];
  return notes.toSorted(
    ({ place: a }, { place: b }) =>
      files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
