// Where an answer goes (RFC 2131 §4.1). One pure rule for every message.

import { type Cidr, cidrContains } from "../net/cidr.ts";
import { anyAddress, broadcastAddress, type Ipv4 } from "../net/ipv4.ts";
import type { Packet } from "./packet.ts";

export const serverPort = 67;
export const clientPort = 68;
/** Where boot servers and proxyDHCP servers listen (PXE 2.1 §2.2.3). */
export const pxePort = 4011;

export interface Destination {
  readonly address: Ipv4;
  /** Relays listen on the server's port, clients on their own. */
  readonly port: number;
}

/**
 * The destination of an answer to `request` from a client of `network`. §4.1 lets a server unicast to `yiaddr` when the client has not set the broadcast
 * flag; that takes a raw socket, which Node does not have, so such a client is answered by broadcast, which §4.1 also allows.
 */
export function destinationOf(
  request: Packet,
  answer: "OFFER" | "ACK" | "NAK",
  network: Cidr,
): Destination {
  if (request.giaddr !== anyAddress) return { address: request.giaddr, port: serverPort };
  // §4.3.2: the address a refused client uses is wrong, so it cannot be reached there.
  // And a DISCOVER has no address (table 5): one that names an address elsewhere would have a stranger written to.
  if (answer === "NAK" || !cidrContains(network, request.ciaddr))
    return { address: broadcastAddress, port: clientPort };
  return { address: request.ciaddr, port: clientPort };
}
