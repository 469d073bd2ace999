// Reads the configuration of kea-dhcp4: networks, pools and reservations with the options they inherit, and a note for
// every setting that is not carried over. Pure but for the reader of included files.

import { type Cidr, cidrContains, directedBroadcast, formatCidr } from "../../net/cidr.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import type { Ipv4Range } from "../../net/ipv4-range.ts";
import { bootKeys, classAdvice, keaAdvice } from "./kea-advice.ts";
import { isUnset, readKeaHost } from "./kea-host.ts";
import {
  entriesOf,
  itemsOf,
  type Json,
  type JsonEntry,
  member,
  parseKeaJson,
  textOf,
} from "./kea-json.ts";
import { onlyBootOptions, readKeaDefinitions, readKeaOptions } from "./kea-options.ts";
import type { OldConfig, OldHost, OldNetwork, Settings } from "./model.ts";
import { cidrAround } from "./network.ts";
import { bootAdvice } from "./options.ts";
import { type Note, type Place, type Read, type ReadFile, total, unreadable } from "./source.ts";

interface Walk {
  readonly networks: OldNetwork[];
  readonly hosts: OldHost[];
  readonly notes: Note[];
  readonly codes: Map<string, number>;
}

// What Kea does where nothing is written.
const defaults: Settings = { leaseSeconds: 7200 };

/** Reads the configuration and what it includes; says where and why when it can't be read. */
export function parseKeaConfig(bytes: Buffer, file: string, readFile: ReadFile): Read<OldConfig> {
  return total(() => {
    const root = parseKeaJson(bytes.toString("utf8").replace(/^\uFEFF/, ""), file, readFile);
    const walk: Walk = { networks: [], hosts: [], notes: [], codes: new Map() };
    const dhcp4 = member(root, "Dhcp4");
    if (dhcp4?.kind !== "map")
      unreadable(root.place, 'there is no map "Dhcp4": name the configuration of kea-dhcp4');
    for (const { key, place } of entriesOf(root))
      if (key !== "Dhcp4") note(walk, place, key, "only Dhcp4 is read");
    const definitions = member(dhcp4, "option-def");
    if (definitions !== undefined) readKeaDefinitions(definitions, walk.codes, walk.notes);
    const settings = { ...defaults, ...readSettings(dhcp4, walk) };
    readNetworks(dhcp4, settings, undefined, walk);
    const { networks, hosts, notes } = walk;
    return { networks, hosts, notes };
  });
}

function readNetworks(scope: Json, settings: Settings, name: string | undefined, walk: Walk): void {
  for (const subnet of itemsOf(member(scope, "subnet4"))) readSubnet(subnet, settings, name, walk);
  for (const shared of itemsOf(member(scope, "shared-networks"))) {
    const label = textOf(shared, "name");
    if (itemsOf(member(shared, "subnet4")).length > 1)
      note(walk, shared.place, `shared-networks ${label ?? ""}`, keaAdvice("shared-networks"));
    readNetworks(shared, { ...settings, ...readSettings(shared, walk) }, label, walk);
  }
  for (const reservation of itemsOf(member(scope, "reservations")))
    readKeaHost(reservation, walk.hosts, walk.notes);
}

function readSubnet(subnet: Json, outer: Settings, name: string | undefined, walk: Walk): void {
  const written = member(subnet, "subnet");
  const cidr = cidrAround(textOf(subnet, "subnet") ?? "");
  if (cidr === undefined)
    unreadable(
      written?.place ?? subnet.place,
      'this subnet names no network: write it as "subnet": "10.0.0.0/24"',
    );
  const settings = { ...outer, ...readSettings(subnet, walk, cidr) };
  const pools = itemsOf(member(subnet, "pools")).map((pool) => readPool(pool, walk));
  for (const reservation of itemsOf(member(subnet, "reservations")))
    readKeaHost(reservation, walk.hosts, walk.notes);
  walk.networks.push({ place: subnet.place, name, cidr, pools, settings });
}

function readPool(pool: Json, walk: Walk): Ipv4Range {
  const text = textOf(pool, "pool") ?? "";
  const [first = "", last = ""] = text.split("-").map((part) => part.trim());
  const cidr = cidrAround(text);
  const start = cidr?.network ?? parseIpv4(first);
  const end = cidr === undefined ? parseIpv4(last) : directedBroadcast(cidr);
  if (start === undefined || end === undefined)
    unreadable(
      (member(pool, "pool") ?? pool).place,
      `"${text}" is no pool: write it as "10.0.0.10 - 10.0.0.20" or "10.0.0.0/25"`,
    );
  for (const { key, place } of entriesOf(pool)) {
    if (["pool", "comment", "pool-id"].includes(key)) continue;
    const instead =
      key === "option-data"
        ? "a pool has no settings of its own here: set it for the network"
        : keaAdvice(key);
    note(walk, place, `pool ${text}: ${key}`, instead);
  }
  return { start, end };
}

const structure: ReadonlySet<string> = new Set([
  "subnet4",
  "shared-networks",
  "reservations",
  "pools",
  "subnet",
  "name",
  "id",
  "comment",
  "option-def",
]);

const leaseTimes: Readonly<Record<string, keyof Settings>> = {
  "valid-lifetime": "leaseSeconds",
  "min-valid-lifetime": "minLeaseSeconds",
  "max-valid-lifetime": "maxLeaseSeconds",
};

/** What a scope sets for the networks in it; `cidr` where the scope is itself a network. */
function readSettings(scope: Json, walk: Walk, cidr?: Cidr): Settings {
  let settings: Settings = {};
  for (const entry of entriesOf(scope)) {
    if (structure.has(entry.key) || isUnset(entry.value)) continue;
    settings = { ...settings, ...readEntry(entry, walk, cidr) };
  }
  return settings;
}

function readEntry({ key, place, value }: JsonEntry, walk: Walk, cidr: Cidr | undefined): Settings {
  const scalar = value.kind === "scalar" ? value.value : undefined;
  const leaseTime = Object.hasOwn(leaseTimes, key) ? leaseTimes[key] : undefined;
  if (leaseTime !== undefined) {
    // All ones is a lease without an end (RFC 2132 §9.2).
    if (typeof scalar === "number" && scalar >= 0 && scalar < 0xffffffff)
      return { [leaseTime]: scalar };
    note(walk, place, key, `leases end here: set ${leaseTime} of the network`);
  } else if (key === "option-data") return readKeaOptions(value, walk.codes, walk.notes);
  else if (key === "interface" && typeof scalar === "string")
    return readInterface(scalar, place, walk);
  else if (key === "relay") readRelay(value, cidr, walk);
  else if (key === "client-classes" && value.kind === "list" && cidr === undefined)
    for (const one of value.items) readClass(one, walk);
  else if (!(key === "authoritative" && scalar === true))
    note(walk, place, scalar === undefined ? key : `${key}: ${scalar}`, keaAdvice(key));
  return {};
}

function readInterface(name: string, place: Place, walk: Walk): Settings {
  if (/^[A-Za-z0-9._-]{1,15}$/.test(name)) return { interface: name };
  note(walk, place, `interface: ${name}`, "it is no interface name: set interface of the network");
  return {};
}

/** Rackstrap finds the network by the relay's address itself, so a relay inside it needs no word. */
function readRelay(relay: Json, cidr: Cidr | undefined, walk: Walk): void {
  const listed = itemsOf(member(relay, "ip-addresses")).map((item) =>
    item.kind === "scalar" ? String(item.value) : "",
  );
  const single = textOf(relay, "ip-address");
  for (const text of single === undefined ? listed : [...listed, single]) {
    const address = parseIpv4(text);
    if (address !== undefined && cidr !== undefined && cidrContains(cidr, address)) continue;
    const where = cidr === undefined ? "the network" : formatCidr(cidr);
    note(
      walk,
      relay.place,
      `relay ${text}`,
      `the relay's address names the network here: give the relay an address in ${where}, or have it send the link selection (RFC 3527)`,
    );
  }
}

const neutralKeys: ReadonlySet<string> = new Set([
  "name",
  "test",
  "comment",
  "only-if-required",
  "only-in-additional-list",
]);

function readClass(one: Json, { codes, notes }: Walk): void {
  const others = entriesOf(one).filter(({ key }) => !neutralKeys.has(key));
  const boots = others.every(
    ({ key, value }) =>
      bootKeys.has(key) || (key === "option-data" && onlyBootOptions(value, codes)),
  );
  notes.push({
    place: one.place,
    what: `client-classes ${textOf(one, "name") ?? ""}`,
    instead: others.length > 0 && boots ? bootAdvice : classAdvice,
  });
}

function note({ notes }: Walk, place: Place, what: string, instead: string): void {
  notes.push({ place, what, instead });
}
