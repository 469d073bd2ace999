// A reservation of Kea's Dhcp4.

import { type Ipv4, parseIpv4 } from "../../net/ipv4.ts";
import { bootKeys, classAdvice, keaAdvice } from "./kea-advice.ts";
import { entriesOf, type Json, type JsonEntry, textOf } from "./kea-json.ts";
import type { OldHost } from "./model.ts";
import { parseLooseMac } from "./network.ts";
import type { Note, Place } from "./source.ts";

/** Adds the reservation to `hosts`, and to `notes` what of it is not carried over. */
export function readKeaHost(reservation: Json, hosts: OldHost[], notes: Note[]): void {
  const { place } = reservation;
  const written = textOf(reservation, "hw-address");
  const mac = written === undefined ? undefined : parseLooseMac(written);
  const name = textOf(reservation, "hostname") || undefined;
  const what = `reservation ${name ?? written ?? textOf(reservation, "ip-address") ?? ""}`.trim();
  const note = (at: Place, about: string, instead: string) =>
    notes.push({ place: at, what: about, instead });
  for (const entry of entriesOf(reservation)) {
    const instead = hostAdvice(entry);
    if (instead !== undefined) note(entry.place, `${what}: ${entry.key}`, instead);
  }
  if (mac === undefined) {
    note(
      place,
      what,
      "rackstrap knows machines by an Ethernet MAC: add the machine under nodes with its mac",
    );
    return;
  }
  const addresses: Ipv4[] = [];
  const address = parseIpv4(textOf(reservation, "ip-address") || "0.0.0.0");
  if (address === undefined) note(place, what, "its ip-address is no IPv4 address: correct it");
  else if (address !== "0.0.0.0") addresses.push(address);
  hosts.push({ place, name, mac, addresses });
}

function hostAdvice({ key, value }: JsonEntry): string | undefined {
  if (["hw-address", "ip-address", "hostname", "comment"].includes(key) || isUnset(value))
    return undefined;
  if (bootKeys.has(key))
    return "rackstrap chooses the boot file itself; a machine that needs another boot loader has it under nodes.NAME.loader";
  if (key === "option-data")
    return "a node has no DHCP settings of its own: set it for its network, or configure it in the installed system";
  return key === "client-classes" ? classAdvice : keaAdvice(key);
}

/** What Kea writes for a setting that nobody made, when it prints its configuration. */
export function isUnset(value: Json): boolean {
  if (value.kind === "list") return value.items.length === 0;
  if (value.kind === "map") return value.entries.length === 0;
  return value.value === "" || value.value === "0.0.0.0" || value.value === null;
}
