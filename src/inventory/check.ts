// What must hold between the values of an inventory: unique identities, addresses inside their networks.
// Pure: a parsed file in, sentences with the path of the offending value out.

import { type Cidr, cidrContains, directedBroadcast, formatCidr } from "../net/cidr.ts";
import { anyAddress, type Ipv4, ipv4ToNumber } from "../net/ipv4.ts";
import type { ParsedInventory } from "./schema.ts";

type Path = readonly (string | number)[];

export interface Finding {
  readonly path: Path;
  /** Set where the key itself is wrong, and not the value that it names. */
  readonly at?: "key";
  readonly message: string;
}

type Nodes = ParsedInventory["nodes"];

/** Every rule that the file breaks; empty when it is sound. */
export function checkInventory(file: ParsedInventory): Finding[] {
  return [
    ...networkFindings(file),
    ...profileFindings(file),
    ...duplicateFindings(file.nodes),
    ...addressFindings(file),
  ];
}

function networkFindings({ networks, server }: ParsedInventory): Finding[] {
  const { provisioning, production } = networks;
  const { pool } = provisioning;
  const path = ["networks", "provisioning"];
  const findings = [
    ...outside(["server", "address"], server.address, provisioning.cidr, "provisioning"),
    ...outside([...path, "gateway"], provisioning.gateway, provisioning.cidr, "provisioning"),
    ...outside([...path, "pool", "start"], pool.start, provisioning.cidr, "provisioning"),
    ...outside([...path, "pool", "end"], pool.end, provisioning.cidr, "provisioning"),
    ...outside(
      ["networks", "production", "gateway"],
      production.gateway,
      production.cidr,
      "production",
    ),
  ];
  if (server.api.address === anyAddress || cidrContains(provisioning.cidr, server.api.address))
    findings.push({
      path: ["server", "api", "address"],
      message: `${server.api.address} would offer the API to machines that boot: use 127.0.0.1 or an address of the management network`,
    });
  if (ipv4ToNumber(pool.start) > ipv4ToNumber(pool.end))
    findings.push({
      path: [...path, "pool"],
      message: `the pool starts at ${pool.start}, after its end ${pool.end}: exchange the two`,
    });
  if (inPool(pool, server.address))
    findings.push({
      path: ["server", "address"],
      message: `${server.address} lies inside the pool ${pool.start}-${pool.end}: move the server or shrink the pool`,
    });
  if (inPool(pool, provisioning.gateway))
    findings.push({
      path: [...path, "gateway"],
      message: `${provisioning.gateway} lies inside the pool ${pool.start}-${pool.end}: shrink the pool, or a machine gets the gateway's address`,
    });
  if (provisioning.leaseSeconds > provisioning.maxLeaseSeconds)
    findings.push({
      path: [...path, "leaseSeconds"],
      message: `${provisioning.leaseSeconds} s is more than maxLeaseSeconds ${provisioning.maxLeaseSeconds} s: lower it or raise the maximum`,
    });
  return findings;
}

function profileFindings({ nodes, profiles }: ParsedInventory): Finding[] {
  const known = Object.keys(profiles);
  return Object.entries(nodes).flatMap(([name, node]) =>
    known.includes(node.profile)
      ? []
      : [
          {
            path: ["nodes", name, "profile"],
            message: `node ${name} names the profile "${node.profile}", which is not declared; ${suggestion(node.profile, known)}`,
          },
        ],
  );
}

function suggestion(value: string, known: readonly string[]): string {
  const nearest = known.toSorted((a, b) => distance(value, a) - distance(value, b))[0];
  return nearest === undefined
    ? "declare it under profiles"
    : `did you mean "${nearest}"? Declared: ${known.join(", ")}`;
}

/** Levenshtein distance, for names of at most 63 characters. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, from] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, to] of [...b].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (from === to ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}

function duplicateFindings(nodes: Nodes): Finding[] {
  const identities: readonly [string, Path, (node: Nodes[string]) => string][] = [
    ["MAC", ["mac"], (node) => node.mac],
    ["provisioning address", ["provisioningAddress"], (node) => node.provisioningAddress],
    ["production address", ["productionAddress"], (node) => node.productionAddress],
    ["BMC", ["bmc", "address"], (node) => `${node.bmc.address}:${node.bmc.port}`],
  ];
  return identities.flatMap(([what, path, value]) => {
    const owners = new Map<string, string>();
    return Object.entries(nodes).flatMap(([name, node]) => {
      const identity = value(node);
      const owner = owners.get(identity);
      owners.set(identity, owner ?? name);
      return owner === undefined
        ? []
        : [
            {
              path: ["nodes", name, ...path],
              message: `node ${name} has the ${what} ${identity} of node ${owner}: give each machine its own`,
            },
          ];
    });
  });
}

function addressFindings({ nodes, networks, server }: ParsedInventory): Finding[] {
  const { provisioning, production, management } = networks;
  return Object.entries(nodes).flatMap(([name, node]) => {
    const at = (...path: string[]) => ["nodes", name, ...path];
    const provisioningPath = at("provisioningAddress");
    const findings = [
      ...outside(provisioningPath, node.provisioningAddress, provisioning.cidr, "provisioning"),
      ...outside(at("productionAddress"), node.productionAddress, production.cidr, "production"),
      ...outside(at("bmc", "address"), node.bmc.address, management.cidr, "management"),
      ...taken(provisioningPath, node.provisioningAddress, server.address, "the server"),
      ...taken(provisioningPath, node.provisioningAddress, provisioning.gateway, "the gateway"),
      ...taken(
        at("productionAddress"),
        node.productionAddress,
        production.gateway,
        "the production gateway",
      ),
    ];
    if (inPool(provisioning.pool, node.provisioningAddress))
      findings.push({
        path: provisioningPath,
        message: `node ${name}: ${node.provisioningAddress} lies inside the pool ${provisioning.pool.start}-${provisioning.pool.end}: reserve an address outside it`,
      });
    return findings;
  });
}

function outside(path: Path, address: Ipv4, cidr: Cidr, network: string): Finding[] {
  if (!cidrContains(cidr, address))
    return [
      {
        path,
        message: `${address} is outside the ${network} network ${formatCidr(cidr)}: use an address of that network`,
      },
    ];
  const reserved = cidr.prefix < 31 && [cidr.network, directedBroadcast(cidr)].includes(address);
  return reserved
    ? [
        {
          path,
          message: `${address} is the ${network} network's own or broadcast address: use one between them`,
        },
      ]
    : [];
}

function taken(path: Path, address: Ipv4, other: Ipv4, owner: string): Finding[] {
  return address === other
    ? [{ path, message: `${address} is the address of ${owner}: choose another` }]
    : [];
}

function inPool(pool: { readonly start: Ipv4; readonly end: Ipv4 }, address: Ipv4): boolean {
  const value = ipv4ToNumber(address);
  return value >= ipv4ToNumber(pool.start) && value <= ipv4ToNumber(pool.end);
}
