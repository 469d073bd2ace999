// What the DHCP room is told by the rest of the program, and what it tells back. Types only.

import type { Cidr } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Ipv4Range } from "../net/ipv4-range.ts";
import type { Mac } from "../net/mac.ts";
import type { Client } from "./client.ts";

/** One network this server answers for: attached to one of its interfaces, or behind a relay. */
export interface Subnet {
  readonly name: string;
  readonly cidr: Cidr;
  /** `proxy`: boot files only, beside a server that gives the addresses. `off`: silence. */
  readonly mode: "authoritative" | "proxy" | "off";
  /** The interface it is attached to; undefined when it is behind a relay. */
  readonly interface: string | undefined;
  readonly router: Ipv4 | undefined;
  readonly dns: readonly Ipv4[];
  readonly domain: string | undefined;
  readonly searchDomains: readonly string[];
  readonly ntp: readonly Ipv4[];
  readonly mtu: number | undefined;
  readonly routes: readonly { readonly to: Cidr; readonly via: Ipv4 }[];
  /** For machines without a reservation: ascending, apart, and without any address that is excluded, reserved or in use by a server or router. */
  readonly pools: readonly Ipv4Range[];
  /** For clients that ask for no particular time; the other two bound what they may ask for. */
  readonly leaseSeconds: number;
  readonly minLeaseSeconds: number;
  readonly maxLeaseSeconds: number;
}

export interface DhcpInterface {
  readonly name: string;
  /** This server's address there: server identifier, source of every answer, and next-server. */
  readonly address: Ipv4;
}

export interface DhcpConfig {
  readonly interfaces: readonly DhcpInterface[];
  readonly subnets: readonly Subnet[];
  /** Relays whose own address is in no subnet; they select one by RFC 3527. */
  readonly relays: readonly Ipv4[];
  /**
   * For a machine without a reservation that has no lease: it may be one that never comes back. Its next one is as the
   * network says. Undefined: the first as well.
   */
  readonly firstLeaseSeconds?: number | undefined;
  /** Ask the network whether an address answers before it is offered for the first time. */
  readonly conflictProbe: boolean;
  /** Start although another DHCP server answers on an interface. */
  readonly allowSecondServer: boolean;
}

export interface Reservation {
  readonly address: Ipv4;
  readonly hostName: string;
}

/**
 * The boot file for a client: a TFTP file name, or a URL for a client that fetches by HTTP; or why there is none.
 * `remark`: what an operator should know of the choice.
 */
export type BootFile =
  | { readonly file: string; readonly remark?: string }
  | { readonly none: string };

export interface DhcpPolicy {
  /** Why this machine is answered nothing at all; undefined for one that is. */
  refusal(mac: Mac): string | undefined;
  reservation(mac: Mac): Reservation | undefined;
  /** The MAC an address is reserved for. */
  reservedFor(address: Ipv4): Mac | undefined;
  /** `server` is this server's address on the interface that the client is reached by. */
  bootFile(client: Client, server: Ipv4): BootFile;
  /** To be told of a REQUEST for an address to the server that gives them, beside a proxyDHCP answer of ours. */
  heardRequest(client: Client): void;
}

export interface DhcpEvent {
  readonly kind:
    | "dhcp-offered"
    | "dhcp-acknowledged"
    | "dhcp-refused"
    | "dhcp-ignored"
    | "dhcp-malformed"
    | "dhcp-pool-exhausted"
    | "dhcp-declined"
    | "dhcp-released"
    | "dhcp-informed"
    | "dhcp-conflict"
    | "foreign-dhcp-server";
  /** The sender; undefined when the datagram could not be read that far. */
  readonly client: Client | undefined;
  readonly address?: Ipv4;
  /** Where another server was heard. */
  readonly interface?: string;
  readonly bootFile?: string;
  /** Why a request was refused or ignored, why there is no boot file, or what else an operator should know. */
  readonly reason?: string;
}
