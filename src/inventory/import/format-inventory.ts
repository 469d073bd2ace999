// The imported parts as YAML to paste into an inventory; what only the operator knows stands there as a comment. Pure.

import { stringify } from "yaml";
import type { NetworkEntry } from "./carry-network.ts";
import type { NodeEntry } from "./carry-nodes.ts";
import type { ImportedInventory } from "./to-inventory.ts";

/** Lines of YAML. Every line that starts with `# FILL IN` names a required setting that the old configuration lacks. */
export function formatInventory(
  { provisioning, provisioningInterface, subnets, nodes }: ImportedInventory,
  file: string,
): string[] {
  const names = [...subnets.values()].flatMap((entry) => entry.interface ?? []);
  const interfaces = [...new Set(names)].map((name) => {
    const entry = [...subnets.values()].find((one) => one.interface === name);
    return `# FILL IN server.interfaces: { ${name}: this server's address in ${entry?.cidr} }`;
  });
  return [
    // A file name may hold a line end; a comment must not.
    `# The DHCP parts of ${JSON.stringify(file)}. Lines with FILL IN are yours to complete.`,
    ...(provisioningInterface === undefined
      ? []
      : [`# FILL IN server.interface: ${provisioningInterface}`]),
    ...interfaces,
    "networks:",
    ...(provisioning === undefined
      ? ["  # FILL IN provisioning: the old configuration has no network"]
      : [
          "  # The network with the most reservations, or the first; it is attached to server.interface.",
          "  provisioning:",
          ...indent(4, [...networkLines(provisioning), ...missingOf(provisioning)]),
        ]),
    ...(subnets.size === 0 ? [] : ["dhcp:", "  subnets:"]),
    ...[...subnets].flatMap(([name, entry]) => [
      `    ${scalar(name)}:${entry.interface === undefined ? " # behind a relay, or name its interface" : ""}`,
      ...indent(6, networkLines(entry)),
    ]),
    ...(nodes.size === 0 ? ["nodes: {}"] : ["nodes:"]),
    ...[...nodes].flatMap(([name, node]) => [`  ${scalar(name)}:`, ...indent(4, nodeLines(node))]),
  ];
}

function networkLines(entry: NetworkEntry): string[] {
  return Object.entries(entry).map(([key, value]) => `${key}: ${flow(key, value)}`);
}

/** Required in networks.provisioning, and optional in dhcp.subnets. */
function missingOf(entry: NetworkEntry): string[] {
  return (["gateway", "dns", "domain"] as const).flatMap((key) =>
    entry[key] === undefined ? [`# FILL IN ${key}:`] : [],
  );
}

function nodeLines({ mac, provisioningAddress }: NodeEntry): string[] {
  return [
    `mac: ${mac}`,
    provisioningAddress === undefined
      ? "# FILL IN provisioningAddress:"
      : `provisioningAddress: ${provisioningAddress}`,
    "# FILL IN profile: worker",
    "# FILL IN firmware: uefi",
    "# FILL IN productionAddress:",
    "# FILL IN disk: /dev/sda",
    "# FILL IN bmc: { address: , user: admin, password: { env: BMC_PASSWORD } }",
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
function scalar(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}

function indent(columns: number, lines: readonly string[]): string[] {
  return lines.map((line) => " ".repeat(columns) + line);
}
