// What an operator does instead of the settings of Kea's Dhcp4 that have no counterpart here.

import { bootAdvice } from "./options.ts";

const ddns =
  "rackstrap updates no DNS: keep the updates where the DNS server is, or write static records";
const control = "rackstrap is asked through its own API and command line";
const storage =
  "not needed: rackstrap keeps its leases in the state directory; bring the old ones along with --leases";
const renewal = "rackstrap works it out of the lease time";
const identity =
  "rackstrap knows machines by their MAC, which stays the same from firmware to installed system";
const everyone =
  "rackstrap gives any machine an address of the pool: narrow the pool, or declare the machines under nodes";
const hosts =
  "rackstrap takes reservations from nodes, in whatever network the address lies; one inside a pool is cut out with exclude";

export const classAdvice =
  "rackstrap has no client classes: declare the machines under nodes, or give them a network of their own";
export const ownOptionAdvice =
  "rackstrap sends no options of your own: configure it in the installed system";

const advice: Readonly<Record<string, string>> = {
  "next-server": bootAdvice,
  "server-hostname": bootAdvice,
  "boot-file-name": bootAdvice,
  "interfaces-config":
    "name the interface in server.interface, and further ones with this server's address there in server.interfaces",
  "lease-database": storage,
  "expired-leases-processing":
    "not needed: rackstrap keeps ended leases until their address is given away",
  "decline-probation-period": "rackstrap decides itself how long a declined address is set aside",
  "sanity-checks": "not needed: rackstrap checks its store when it starts",
  "hosts-database": "reservations in a database are not read: declare the machines under nodes",
  "hosts-databases": "reservations in a database are not read: declare the machines under nodes",
  "config-control":
    "a configuration in a database is not read: export it into a file and import that",
  "control-socket": control,
  "control-sockets": control,
  "hooks-libraries":
    "rackstrap loads no libraries; for high availability: it runs alone and takes over the whole pool, so stop the peers first",
  loggers: "rackstrap logs to standard output: the service manager decides where that goes",
  "dhcp-ddns": ddns,
  "hostname-char-set": ddns,
  "hostname-char-replacement": ddns,
  "renew-timer": renewal,
  "rebind-timer": renewal,
  "calculate-tee-times": renewal,
  "t1-percent": renewal,
  "t2-percent": renewal,
  "match-client-id": identity,
  "echo-client-id": "rackstrap always sends the client identifier back (RFC 6842)",
  "host-reservation-identifiers": identity,
  "client-id": identity,
  "circuit-id": identity,
  "flex-id": identity,
  duid: identity,
  "reservation-mode": hosts,
  "reservations-global": hosts,
  "reservations-in-subnet": hosts,
  "reservations-out-of-pool": hosts,
  "reservations-lookup-first": hosts,
  "client-class": everyone,
  "client-classes": everyone,
  "require-client-classes": classAdvice,
  "evaluate-additional-classes": classAdvice,
  authoritative:
    "set the network's mode: authoritative refuses wrong addresses, proxy leaves addresses to another server",
  "shared-networks":
    "rackstrap keeps the networks of one wire apart: a client gets an address of the network that its relay or the interface names, and never of another one that has room",
};

export const bootKeys: ReadonlySet<string> = new Set([
  "next-server",
  "server-hostname",
  "boot-file-name",
]);

/** What to do instead of a setting that is not carried over. */
export function keaAdvice(key: string): string {
  if (key.startsWith("ddns-")) return ddns;
  if (key.startsWith("4o6-")) return "rackstrap serves IPv4 over IPv4 only";
  return Object.hasOwn(advice, key)
    ? (advice[key] ?? "")
    : "rackstrap has no counterpart: check whether it is still needed";
}
