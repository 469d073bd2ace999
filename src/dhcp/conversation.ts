// What passes between the files that decide about a request: the request with all it is judged by, and what came of it.

import type { Ipv4 } from "../net/ipv4.ts";
import type { Client } from "./client.ts";
import type { Destination } from "./destination.ts";
import type { LeaseBook } from "./leases.ts";
import type { Packet } from "./packet.ts";
import type { DhcpConfig, DhcpEvent, DhcpInterface } from "./policy.ts";

export interface Reply {
  readonly packet: Packet;
  readonly destination: Destination;
  /** The longest message the client takes, octets. */
  readonly maxBytes: number;
  /** Must not leave before the table is committed, and not at all when that fails. */
  readonly needsCommit: boolean;
}

/** Every request ends in an event; a reply is there when something is to be sent. */
export interface Response {
  readonly event: DhcpEvent;
  readonly reply?: Reply;
  /** Decide again once this address has been probed: it is the one to offer. */
  readonly probing?: Ipv4;
}

/** A readable request, and where it arrived. */
export interface Conversation {
  readonly packet: Packet;
  readonly client: Client;
  /** The interface it arrived on. */
  readonly receiver: DhcpInterface;
  /** The PXE port of proxyDHCP, 4011, or the server's port, 67. */
  readonly port: "dhcp" | "pxe";
  /** The sender, as IP and UDP say. */
  readonly source: { readonly address: Ipv4; readonly port: number };
  readonly config: DhcpConfig;
  readonly book: LeaseBook;
  readonly nowMs: number;
}

/** A response before it is known whose it is. */
export type Outcome = Omit<Response, "event"> & { readonly event: Omit<DhcpEvent, "client"> };

/** Silence, and why. */
export function ignored(reason: string): Outcome {
  return { event: { kind: "dhcp-ignored", reason } };
}
