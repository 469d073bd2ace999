// What was imported as a whole inventory file. What only the operator knows stands there as a comment that becomes the
// setting when its `# FILL IN ` is taken away. Pure.

import { stringify } from "yaml";
import type { NetworkEntry } from "./carry-network.ts";
import type { NodeEntry } from "./carry-nodes.ts";
import type { OldBmc } from "./model.ts";
import type { ImportedInventory } from "./to-inventory.ts";

/** Lines of YAML; every `# FILL IN` names a required setting that the sources lack. `files` are the sources. */
export function formatInventory(inventory: ImportedInventory, files: readonly string[]): string[] {
  const { provisioning, subnets, nodes } = inventory;
  return [
    // A file name may hold a line end; a comment must not.
    `# From ${files.map((file) => JSON.stringify(file)).join(", ")}.`,
    "# Lines with FILL IN are yours to complete: take `# FILL IN ` away and write the value. Then: rackstrap check --inventory FILE",
    "# FILL IN site: example",
    inventory.domain === undefined
      ? "# FILL IN domain: example.com"
      : `domain: ${inventory.domain}`,
    "cluster:",
    "  # FILL IN name: prod-cluster",
    "server:",
    ...indent(2, serverLines(inventory)),
    "networks:",
    ...(provisioning === undefined
      ? ["  provisioning:", ...indent(4, missingNetwork)]
      : [
          "  # The network with the most reservations, or the first; it is attached to server.interface.",
          "  provisioning:",
          ...indent(4, [...networkLines(provisioning), ...missingOf(provisioning)]),
        ]),
    "  production:",
    ...indent(4, [
      "# FILL IN cidr: 10.0.200.0/24",
      "# FILL IN gateway: 10.0.200.1",
      "# FILL IN dns: [10.0.200.1]",
    ]),
    "  management:",
    "    # FILL IN cidr: 10.0.10.0/24",
    ...(subnets.size === 0 ? [] : ["dhcp:", "  subnets:"]),
    ...[...subnets].flatMap(([name, entry]) => [
      `    ${scalar(name)}:${entry.interface === undefined ? " # behind a relay, or name its interface" : ""}`,
      ...indent(6, networkLines(entry)),
    ]),
    "install:",
    "  # FILL IN flake: /srv/provisioning",
    "profiles:",
    ...profileLines([...nodes.values()]),
    ...(nodes.size === 0 ? ["nodes: {}"] : ["nodes:"]),
    ...[...nodes].flatMap(([name, node]) => indent(2, nodeLines(name, node))),
  ];
}

function serverLines({
  provisioning,
  provisioningInterface,
  serverAddress,
  subnets,
}: ImportedInventory): string[] {
  const names = [...new Set([...subnets.values()].flatMap((entry) => entry.interface ?? []))];
  const cidrOf = (name: string) =>
    [...subnets.values()].find((one) => one.interface === name)?.cidr;
  const where = provisioning === undefined ? "the provisioning network" : provisioning.cidr;
  return [
    serverAddress === undefined
      ? `# FILL IN address: # this server's, in ${where}`
      : `address: ${serverAddress}`,
    provisioningInterface === undefined
      ? "# FILL IN interface: eth0"
      : `interface: ${scalar(provisioningInterface)}`,
    ...(names.length === 0 ? [] : ["interfaces:"]),
    ...names.map(
      (name) => `  # FILL IN ${scalar(name)}: # this server's address in ${cidrOf(name)}`,
    ),
  ];
}

const missingNetwork = [
  "# FILL IN cidr: 10.0.100.0/24",
  "# FILL IN gateway: 10.0.100.1",
  "# FILL IN pool: { start: 10.0.100.100, end: 10.0.100.200 }",
  "# FILL IN dns: [10.0.100.1]",
  "# FILL IN domain: prov.example.com",
];

function networkLines(entry: NetworkEntry): string[] {
  return Object.entries(entry).map(([key, value]) => `${key}: ${flow(key, value)}`);
}

/** Required in networks.provisioning, and optional in dhcp.subnets. */
function missingOf(entry: NetworkEntry): string[] {
  return (["gateway", "dns", "domain"] as const).flatMap((key) =>
    entry[key] === undefined ? [`# FILL IN ${key}:`] : [],
  );
}

/** The profiles of the nodes; those of the example when no node names one. */
function profileLines(nodes: readonly NodeEntry[]): string[] {
  const named = [...new Set(nodes.flatMap(({ profile }) => profile ?? []))];
  const roles: readonly string[] = ["control-plane", "worker", "all-in-one"];
  const all =
    nodes.every(({ profile }) => profile !== undefined) && nodes.length > 0
      ? named
      : [...new Set([...named, "control-plane", "worker"])];
  return all.flatMap((name) => {
    const role =
      nodes.find((node) => node.profile === name)?.role ??
      (roles.includes(name) ? name : undefined);
    return role === undefined
      ? [`  ${scalar(name)}:`, "    # FILL IN role: worker"]
      : [`  ${scalar(name)}: { role: ${role} }`];
  });
}

/** A node's entry without indentation: its name, and under it what is known and what is missing. */
export function nodeLines(name: string, node: NodeEntry): string[] {
  const {
    mac,
    serial,
    profile,
    firmware,
    provisioningAddress,
    productionAddress,
    disk,
    rack,
    zone,
  } = node;
  const known = (key: string, value: string | undefined, example: string) =>
    value === undefined ? `# FILL IN ${key}:${example}` : `${key}: ${scalar(value)}`;
  return [
    `${scalar(name)}:`,
    ...indent(2, [
      `mac: ${mac}`,
      ...(serial === undefined ? [] : [`serial: ${scalar(serial)}`]),
      known("profile", profile, " worker"),
      known("firmware", firmware, " uefi"),
      known("provisioningAddress", provisioningAddress, ""),
      known("productionAddress", productionAddress, ""),
      ...(rack === undefined ? [] : [`rack: ${scalar(rack)}`]),
      ...(zone === undefined ? [] : [`labels: { zone: ${scalar(zone)} }`]),
      known("disk", disk, " /dev/sda"),
      ...bmcLines(node.bmc),
    ]),
  ];
}

/** A node as the inventory has it, without what is missing. */
export function nodeEntry({ role: _, zone, bmc, ...node }: NodeEntry): unknown {
  const { passwordVariable, keyVariable, ...known } = bmc ?? {};
  return {
    ...node,
    ...(zone !== undefined && { labels: { zone } }),
    ...(bmc !== undefined && {
      bmc: {
        ...known,
        ...(passwordVariable !== undefined && { password: { env: passwordVariable } }),
        ...(keyVariable !== undefined && { bmcKey: { env: keyVariable } }),
      },
    }),
  };
}

function bmcLines(bmc: OldBmc | undefined): string[] {
  if (bmc === undefined)
    return ["# FILL IN bmc: { address: , user: admin, password: { env: BMC_PASSWORD } }"];
  const { kind, address, user, passwordVariable, keyVariable, cipherSuite } = bmc;
  return [
    "bmc:",
    ...indent(2, [
      ...(kind === "redfish" ? ["kind: redfish"] : []),
      address === undefined ? "# FILL IN address:" : `address: ${address}`,
      user === undefined ? "# FILL IN user: admin" : `user: ${scalar(user)}`,
      `password: { env: ${passwordVariable ?? "BMC_PASSWORD"} }`,
      ...(kind === "redfish"
        ? ["# FILL IN trust: { fingerprint: } # SHA-256 of the BMC's certificate"]
        : []),
      ...(kind === "redfish" || keyVariable === undefined
        ? []
        : [`bmcKey: { env: ${keyVariable} }`]),
      ...(kind === "redfish" || cipherSuite === undefined ? [] : [`cipherSuite: ${cipherSuite}`]),
    ]),
  ];
}

/** One pool is written as a map, several as a list. */
function flow(key: string, value: unknown): string {
  const written = key === "pool" && Array.isArray(value) && value.length === 1 ? value[0] : value;
  return inline(written);
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return scalar(value);
  const entries = Object.entries(value).map(([key, inner]) => `${key}: ${inline(inner)}`);
  return `{ ${entries.join(", ")} }`;
}

/** Quoted where YAML would read something else. */
export function scalar(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function indent(columns: number, lines: readonly string[]): string[] {
  return lines.map((line) => " ".repeat(columns) + line);
}
