// What the DHCP room is told by the rest of the program, and what it tells back. Types only.

import type { Cidr } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { Client } from "./client.ts";

/** One network this server gives addresses in: its own, or one behind a relay. */
export interface Subnet {
  readonly cidr: Cidr;
  readonly router: Ipv4;
  readonly dns: readonly Ipv4[];
  readonly domain: string;
  /** First and last address for machines without a reservation; holds neither this server's nor the router's address. */
  readonly pool: { readonly start: Ipv4; readonly end: Ipv4 };
}

export interface DhcpConfig {
  /** Server identifier, source of every answer, and next-server. Lies in one of the subnets. */
  readonly serverAddress: Ipv4;
  readonly subnets: readonly Subnet[];
  /** For clients that ask for no particular time; the other two bound what they may ask for. */
  readonly leaseSeconds: number;
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
}

export interface DhcpPolicy {
  reservation(mac: Mac): { readonly address: Ipv4; readonly hostName: string } | undefined;
  /** The MAC an address is reserved for. */
  reservedFor(address: Ipv4): Mac | undefined;
  /** The boot file for this client, or why there is none. */
  bootFile(client: Client): { readonly file: string } | { readonly none: string };
}

export interface DhcpEvent {
  readonly kind:
    | "dhcp-offered"
    | "dhcp-acknowledged"
    | "dhcp-refused"
    | "dhcp-ignored"
    | "dhcp-declined"
    | "dhcp-released"
    | "dhcp-informed";
  /** Undefined when the datagram could not be read that far. */
  readonly mac: Mac | undefined;
  readonly address?: Ipv4;
  readonly bootFile?: string;
  /** Why a request was refused or ignored, why there is no boot file, or what else an operator should know. */
  readonly reason?: string;
  /** What the client said of itself, printable: arch, vendorClass, userClass, ipxe, machineGuid, interfaceId, hostName. */
  readonly facts: Readonly<Record<string, string>>;
}
