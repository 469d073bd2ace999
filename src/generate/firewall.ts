// A node's firewall in the form of nftables (runbook §3.4, §10.4): who reaches which port. NixOS adds what belongs to
// open connections, to the loopback interface and to ping, and drops the rest.

import { interfacesOf, type NetworkName } from "../inventory/interfaces.ts";
import { servedInterfaces } from "../inventory/networks.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ServiceName } from "../inventory/services.ts";
import { type Cidr, cidrContains, formatCidr } from "../net/cidr.ts";
import type { Section } from "./module.ts";

/** What clients use; everything else is between nodes. */
const forClients: readonly ServiceName[] = ["iam", "plasmavmc", "flashdns", "fiberlb"];
const layers: readonly ServiceName[] = ["chainfire", "flaredb"];

interface Rule {
  readonly why: string;
  readonly from: readonly Cidr[];
  readonly protocol: "tcp" | "udp";
  readonly ports: readonly number[];
}

/** The section with the node's rules: one list for all, or one for each interface with `firewall.zones`. */
export function firewallSection(inventory: Inventory, node: Node): Section {
  const rules = rulesOf(inventory, node);
  const lines = inventory.firewall.zones
    ? zoneLines(inventory, node, rules)
    : [...rules.ssh, ...rules.cluster, ...rules.health, ...rules.clients].flatMap((rule) =>
        ruleLines(rule),
      );
  return {
    why: "Who reaches which port; the rest is dropped",
    settings: [
      { networking: { nftables: { enable: true } } },
      {
        networking: {
          firewall: { enable: true, extraInputRules: lines.map((line) => `${line}\n`).join("") },
        },
      },
    ],
  };
}

type Rules = Readonly<
  Record<"ssh" | "cluster" | "health" | "clients" | "clientZone", readonly Rule[]>
>;

function rulesOf(inventory: Inventory, node: Node): Rules {
  const { services, firewall, networks } = inventory;
  const portsOf = (name: ServiceName): readonly number[] => Object.values(services[name]);
  const servers = servedInterfaces(inventory).map(({ address }) => ({
    network: address,
    prefix: 32,
  }));
  const cluster = networks.production.cidr;
  const tcp = (why: string, from: readonly Cidr[], ports: readonly number[]): readonly Rule[] =>
    ports.length === 0 ? [] : [{ why, from, protocol: "tcp", ports }];
  const used = node.services.filter((name) => forClients.includes(name));
  const clientRules = (from: readonly Cidr[]): readonly Rule[] => [
    ...tcp("What clients use", from, used.flatMap(portsOf)),
    ...(used.includes("flashdns")
      ? [
          {
            why: "Questions to the name server",
            from,
            protocol: "udp" as const,
            ports: portsOf("flashdns"),
          },
        ]
      : []),
  ];
  const between = node.services.filter((name) => !forClients.includes(name));
  const watched = layers.filter((layer) => node.services.includes(layer));
  return {
    ssh: tcp("SSH", [...firewall.sshFrom, ...servers], [22]),
    cluster: tcp("Between nodes", [cluster], between.flatMap(portsOf)),
    // Not in the runbook, which asks the nodes from one of them: here the provisioning server does.
    health: tcp(
      "Health and members, asked by the provisioning server and by operators",
      [...servers, networks.management.cidr],
      watched.map((name) => services[name].port),
    ),
    clients: clientRules([...firewall.clientFrom, cluster]),
    clientZone: clientRules(
      networks.client === undefined ? firewall.clientFrom : [networks.client.cidr],
    ),
  };
}

/** Runbook §10.4. Without an interface of their own, clients come by the production network. */
function zoneLines(inventory: Inventory, node: Node, rules: Rules): readonly string[] {
  const interfaces = interfacesOf(inventory, node);
  const apart = interfaces.some(({ network }) => network === "client");
  const inside = rules.clients.map((rule) => ({
    ...rule,
    from: [inventory.networks.production.cidr],
  }));
  const operators = [...rules.ssh, ...rules.health];
  const zones: Readonly<Record<NetworkName, readonly Rule[]>> = {
    provisioning: operators,
    management: operators,
    production: [...rules.cluster, ...rules.health, ...(apart ? inside : rules.clients)],
    client: rules.clientZone,
  };
  return interfaces.flatMap(({ name, network }) =>
    network === undefined
      ? []
      : [
          `# ${name}, ${network} network`,
          ...zones[network].flatMap((rule) => ruleLines(rule, name)),
        ],
  );
}

function ruleLines({ why, from, protocol, ports }: Rule, onInterface?: string): readonly string[] {
  const where = onInterface === undefined ? "" : `iifname "${onInterface}" `;
  const sources = anyOf(withoutCovered(from).map(formatSource));
  return [`# ${why}`, `${where}ip saddr ${sources} ${protocol} dport ${anyOf(ports)} accept`];
}

/** Without what another one holds: nft leaves that out as well, and the runbook has the short form. */
function withoutCovered(networks: readonly Cidr[]): readonly Cidr[] {
  return networks.filter(
    (one, index) =>
      !networks.some(
        (other, at) =>
          cidrContains(other, one.network) &&
          (other.prefix < one.prefix || (other.prefix === one.prefix && at < index)),
      ),
  );
}

function formatSource(cidr: Cidr): string {
  return cidr.prefix === 32 ? cidr.network : formatCidr(cidr);
}

function anyOf(words: readonly (string | number)[]): string {
  const distinct = [...new Set(words)];
  return distinct.length === 1 ? `${distinct[0]}` : `{ ${distinct.join(", ")} }`;
}
