// What must hold between the names of the site's zones. Pure.

import type { Ipv4 } from "../net/ipv4.ts";
import type { Finding } from "./check.ts";
import { bmcName, liesIn, nameServersOf } from "./dns-names.ts";
import type { ParsedInventory } from "./schema.ts";

const maxLabelLength = 63;

/** Every rule that the names break; empty when they are sound. */
export function dnsFindings(file: ParsedInventory): Finding[] {
  return [...vipFindings(file), ...bmcNameFindings(file), ...nameServerFindings(file)];
}

function vipFindings({ networks, nodes }: ParsedInventory): Finding[] {
  return Object.keys(networks.production.vips)
    .filter((name) => Object.hasOwn(nodes, name))
    .map((name) => ({
      path: ["networks", "production", "vips", name],
      at: "key" as const,
      message: `"${name}" is the name of a node: give the shared address another`,
    }));
}

function bmcNameFindings({ dns, networks, nodes }: ParsedInventory): Finding[] {
  if (!dns.bmcNames) return [];
  return Object.keys(nodes).flatMap((name) => {
    const bmc = bmcName(name);
    const taken = Object.hasOwn(nodes, bmc) || Object.hasOwn(networks.production.vips, bmc);
    const message = taken
      ? `dns.bmcNames makes ${bmc} the BMC of ${name}, and that name is taken: rename one, or leave bmcNames out`
      : `dns.bmcNames makes ${bmc} of it, which is longer than ${maxLabelLength}: shorten the name, or leave bmcNames out`;
    return taken || bmc.length > maxLabelLength
      ? [{ path: ["nodes", name], at: "key" as const, message }]
      : [];
  });
}

function nameServerFindings(file: ParsedInventory): Finding[] {
  const { domain } = file;
  return nameServersOf(file).flatMap(({ fqdn, address }, index) => {
    const path = ["dns", "nameServers", index];
    const told = (message: string) => [{ path, message }];
    if (!liesIn(domain, fqdn))
      return address === undefined
        ? []
        : told(
            `${fqdn} lies outside ${domain}, so its address is published elsewhere: write the name alone`,
          );
    const known = addressOf(file, fqdn.slice(0, -domain.length - 1));
    if (known === undefined && address === undefined)
      return told(
        `${fqdn} lies in ${domain} and has no address: write { name: ${fqdn}, address: ADDRESS }`,
      );
    return known !== undefined && address !== undefined && known !== address
      ? told(`${fqdn} is ${known} elsewhere in this file and ${address} here: correct one of them`)
      : [];
  });
}

/** The address of a node or VIP of this name. */
function addressOf({ nodes, networks }: ParsedInventory, name: string): Ipv4 | undefined {
  const own = <T>(map: Readonly<Record<string, T>>) =>
    Object.hasOwn(map, name) ? map[name] : undefined;
  return own(nodes)?.productionAddress ?? own(networks.production.vips);
}
