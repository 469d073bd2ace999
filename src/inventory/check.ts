// What must hold between the values of an inventory: unique identities, addresses inside their networks.
// Pure: a parsed file in, sentences with the path of the offending value out.

import { z } from "zod";
import { cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import { outside, pooled, taken } from "./address-check.ts";
import { clusterFindings } from "./cluster-check.ts";
import { diskFindings } from "./disk-check.ts";
import { dnsFindings } from "./dns-check.ts";
import { identityFindings } from "./identity-check.ts";
import { interfaceFindings } from "./interface-check.ts";
import { suggest } from "./nearest.ts";
import { networkFindings } from "./network-check.ts";
import { bootNetworks, servedInterfaces } from "./networks.ts";
import type { ParsedInventory } from "./schema.ts";

type Path = readonly (string | number)[];

export interface Finding {
  readonly path: Path;
  /** Set where the key itself is wrong, and not the value that it names. */
  readonly at?: "key";
  /** Absent: an error. A file with warnings alone is in force. */
  readonly severity?: "warning";
  readonly message: string;
}

type Nodes = ParsedInventory["nodes"];

/** Every rule that the file breaks; empty when it is sound. */
export function checkInventory(file: ParsedInventory): Finding[] {
  return [
    ...networkFindings(file),
    ...strayProfiles(file),
    ...identityFindings(file),
    ...secureBootFindings(file.nodes),
    ...addressFindings(file),
    ...dnsFindings(file),
    ...interfaceFindings(file),
    ...clusterFindings(file),
    ...diskFindings(file),
  ];
}

const withProfiles = z.object({
  profiles: z.record(z.string(), z.unknown()),
  nodes: z.record(z.string(), z.unknown()),
});
const withProfile = z.object({ profile: z.string() });

/** Nodes whose profile is declared nowhere. Takes a file that may be wrong in other ways, too. */
export function strayProfiles(file: unknown): Finding[] {
  const read = withProfiles.safeParse(file);
  if (!read.success) return [];
  const known = Object.keys(read.data.profiles);
  return Object.entries(read.data.nodes).flatMap(([name, node]) => {
    const profile = withProfile.safeParse(node).data?.profile;
    if (profile === undefined || known.includes(profile)) return [];
    const message = `node ${name} names the profile "${profile}", which is not declared under profiles: ${suggest(profile, known)}`;
    return [{ path: ["nodes", name, "profile"], message }];
  });
}

function secureBootFindings(nodes: Nodes): Finding[] {
  return Object.entries(nodes)
    .filter(([, { firmware, secureBoot }]) => firmware === "bios" && secureBoot === true)
    .map(([name]) => ({
      path: ["nodes", name, "secureBoot"],
      message: `node ${name} has firmware "bios", which knows no Secure Boot: set firmware: uefi, or leave secureBoot out`,
    }));
}

function addressFindings(file: ParsedInventory): Finding[] {
  const { nodes, networks } = file;
  const { production, management } = networks;
  const bootAddressFindings = bootAddressCheck(file);
  return [
    ...outside(
      ["networks", "production", "gateway"],
      production.gateway,
      production.cidr,
      "production",
    ),
    ...(["management", "client"] as const).flatMap((name) => {
      const network = networks[name];
      return network?.gateway === undefined
        ? []
        : outside(["networks", name, "gateway"], network.gateway, network.cidr, name);
    }),
    ...Object.entries(nodes).flatMap(([name, node]) => {
      const at = (...path: string[]) => ["nodes", name, ...path];
      return [
        ...bootAddressFindings(at("provisioningAddress"), node.provisioningAddress),
        ...outside(at("productionAddress"), node.productionAddress, production.cidr, "production"),
        ...outside(at("bmc", "address"), node.bmc.address, management.cidr, "management"),
        ...taken(
          at("productionAddress"),
          node.productionAddress,
          production.gateway,
          "the production gateway",
        ),
      ];
    }),
  ];
}

/** Finds what is wrong with the address that a node boots with. It may lie in any network that machines boot in. */
function bootAddressCheck(file: ParsedInventory): (path: Path, address: Ipv4) => Finding[] {
  const networks = bootNetworks(file);
  const servers = servedInterfaces(file);
  return (path, address) => {
    const home = networks.find(({ settings }) => cidrContains(settings.cidr, address));
    if (home === undefined && networks.length > 1)
      return [
        {
          path,
          message: `${address} is in no network under networks.provisioning or dhcp.subnets: use an address of one of them, or declare its network`,
        },
      ];
    const { name, settings } = home ?? {
      name: "provisioning",
      settings: file.networks.provisioning,
    };
    const routers = new Set(
      settings.routes.map(({ via }) => via).filter((via) => via !== settings.gateway),
    );
    return [
      ...outside(path, address, settings.cidr, name),
      ...servers.flatMap((server, index) =>
        taken(
          path,
          address,
          server.address,
          index === 0 ? "the server" : `the server on ${server.name}`,
        ),
      ),
      ...taken(path, address, settings.gateway, "the gateway"),
      ...[...routers].flatMap((router) => taken(path, address, router, "a router")),
      ...pooled(
        path,
        address,
        settings,
        "reserve an address outside it, or exclude this one from the pool",
      ),
    ];
  };
}
