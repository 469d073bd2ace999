// The site's zone files: names to addresses, and one reverse zone for each part of its networks. Pure.

import { liesIn, nameServersOf } from "../inventory/dns-names.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { GeneratedFile } from "./file.ts";
import { type HostName, type NameGroup, nameGroups } from "./names.ts";
import { networkOf, reverseName, reverseZone } from "./reverse-zone.ts";
import { madeFrom, type Site } from "./site.ts";
import { nextSerial, serialOf } from "./zone-serial.ts";

/** How long a resolver may remember that a name does not exist (RFC 2308 §5), at most. */
const maxNegativeSeconds = 10_800;
/** How often a secondary server asks, asks again, and when it gives up (RFC 1912 §2.2). */
const timers = { refresh: 3600, retry: 600, expire: 1_209_600 };

/** One file for the domain, and one for each reverse zone in the order of the addresses' groups. */
export function dnsFiles(site: Site): readonly GeneratedFile[] {
  const { inventory } = site;
  const groups = nameGroups(inventory);
  return [
    zoneFile(site, inventory.domain, [...nameServerLines(inventory, groups), ...sections(groups)]),
    ...reverseZones(inventory, groups).map(({ zone, names }) =>
      zoneFile(site, zone, sections(names, pointer)),
    ),
  ];
}

/** Unchanged records keep the serial they have, so that the same inventory always makes the same file. */
function zoneFile(site: Site, zone: string, records: readonly string[]): GeneratedFile {
  const path = `dns/${zone}.zone`;
  const text = (serial: number) =>
    `${[madeFrom(site.source, ";"), ...startOfAuthority(site.inventory, zone, serial), ...records].join("\n")}\n`;
  const previous = site.previous(path);
  const serial = previous === undefined ? undefined : serialOf(previous);
  if (serial !== undefined && withoutComments(text(serial)) === withoutComments(previous))
    return { path, text: text(serial) };
  return { path, text: text(nextSerial(serial, site.nowMs)) };
}

/** The first line names the inventory's file, which is no record. */
function withoutComments(zone: string | undefined): string | undefined {
  return zone?.replace(/^;.*\n/gm, "");
}

function startOfAuthority(inventory: Inventory, zone: string, serial: number): string[] {
  const { dns, domain } = inventory;
  const servers = nameServersOf(inventory);
  const primary = servers[0]?.fqdn ?? `ns.${domain}`;
  return [
    `$TTL ${dns.ttlSeconds}`,
    `${zone}. IN SOA ${primary}. ${mailboxName(dns.hostmaster ?? `hostmaster@${domain}`)}. (`,
    `  ${serial} ; serial`,
    `  ${timers.refresh} ; refresh`,
    `  ${timers.retry} ; retry`,
    `  ${timers.expire} ; expire`,
    `  ${Math.min(dns.ttlSeconds, maxNegativeSeconds)} ) ; negative answers`,
    ...servers.map(({ fqdn }) => `${zone}. IN NS ${fqdn}.`),
  ];
}

/** A mail address as a domain name (RFC 1035 §8): dots before the @ are escaped. */
function mailboxName(address: string): string {
  const at = address.indexOf("@");
  return `${address.slice(0, at).replaceAll(".", "\\.")}.${address.slice(at + 1)}`;
}

/** Addresses of the zone's own name servers that have none as nodes or VIPs. */
function nameServerLines(inventory: Inventory, groups: readonly NameGroup[]): string[] {
  const known = new Set(groups.flatMap(({ names }) => names.map(({ fqdn }) => fqdn)));
  return nameServersOf(inventory).flatMap(({ fqdn, address }) =>
    address === undefined || known.has(fqdn) || !liesIn(inventory.domain, fqdn)
      ? []
      : [`${fqdn}. IN A ${address}`],
  );
}

function sections(groups: readonly NameGroup[], line = forward): string[] {
  return groups.flatMap(({ title, names }) => ["", `; ${title}`, ...names.map(line)]);
}

const forward = ({ fqdn, address }: HostName) => `${fqdn}. IN A ${address}`;
const pointer = ({ fqdn, address }: HostName) => `${reverseName(address)}. IN PTR ${fqdn}.`;

function reverseZones(
  { networks }: Inventory,
  groups: readonly NameGroup[],
): { readonly zone: string; readonly names: readonly NameGroup[] }[] {
  const known = [networks.production.cidr, networks.management.cidr];
  const zoneOf = ({ address }: HostName) => reverseZone(networkOf(known, address), address);
  const zones = new Set(groups.flatMap(({ names }) => names.map(zoneOf)));
  return [...zones].map((zone) => ({
    zone,
    names: groups
      .map(({ title, names }) => ({ title, names: names.filter((name) => zoneOf(name) === zone) }))
      .filter(({ names }) => names.length > 0),
  }));
}
