// What may be written of a network that DHCP serves. What must hold between the values is in network-check.ts.

import { z } from "zod";
import { cidr, domainName, either, interfaceName, ipv4, matching } from "./values.ts";

const networkName = matching(
  /^[a-z0-9][a-z0-9-]{0,62}$/,
  "a network name of lower-case letters, digits and hyphens, at most 63",
);

const range = z.strictObject({ start: ipv4, end: ipv4 });
const isMap = (input: unknown) =>
  typeof input === "object" && input !== null && !Array.isArray(input);

// Option 51 has 32 bits, all ones for a lease without end (RFC 2132 §9.2, RFC 2131 §3.3).
const leaseSeconds = z.int().min(60).max(0xffff_ffff);

const addresses = {
  /** For machines without a reservation. Without it they get no address. */
  pool: either(range, z.array(range).min(1), Array.isArray).optional(),
  /** Never given from the pool. */
  exclude: z.array(either(ipv4, range, isMap)).default([]),
};

const shared = {
  searchDomains: z.array(domainName).default([]),
  ntp: z.array(ipv4).default([]),
  // An IPv4 host must take datagrams of 576 octets (RFC 791 §3.1); the option itself goes down to 68.
  mtu: z.int().min(576).max(65535).optional(),
  routes: z.array(z.strictObject({ to: cidr, via: ipv4 })).default([]),
  leaseSeconds: leaseSeconds.default(600),
  minLeaseSeconds: leaseSeconds.default(60),
  maxLeaseSeconds: leaseSeconds.default(7200),
  /** `proxy`: boot files only, beside a server that gives the addresses. `off`: silence. */
  mode: z.enum(["authoritative", "proxy", "off"]).default("authoritative"),
};

/** The network on `server.interface`. */
export const provisioning = z.strictObject({
  cidr,
  gateway: ipv4,
  ...addresses,
  dns: z.array(ipv4).min(1),
  domain: domainName,
  ...shared,
});

const subnet = z.strictObject({
  cidr,
  gateway: ipv4.optional(),
  /** The interface it is attached to; without it the network is behind a relay. */
  interface: interfaceName.optional(),
  ...addresses,
  dns: z.array(ipv4).default([]),
  domain: domainName.optional(),
  ...shared,
});

export const dhcp = z.strictObject({
  /** Ask the network whether an address answers before it is offered for the first time. */
  conflictProbe: z.boolean().default(true),
  /** Start although another DHCP server answers on a served network. */
  allowSecondServer: z.boolean().default(false),
  /** Relays whose own address is in none of the networks; they select one by RFC 3527. */
  relays: z.array(ipv4).default([]),
  subnets: z.record(networkName, subnet).default({}),
});

/** The settings that both kinds of network have. */
export type NetworkSettings = Omit<z.output<typeof subnet>, "interface">;
