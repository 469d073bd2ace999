// Judges a REQUEST by the state its sender is in (RFC 2131 §4.3.2, table 4): grant, refuse with a NAK, or silence.

import { cidrContains, formatCidr } from "../net/cidr.ts";
import { anyAddress, type Ipv4 } from "../net/ipv4.ts";
import type { Client } from "./client.ts";
import { isAvailable, type LeaseBook, recordedAddresses, releaseOffer } from "./leases.ts";
import type { Packet } from "./packet.ts";
import type { Subnet } from "./policy.ts";

export type Judgement =
  | { readonly grant: Ipv4 }
  | { readonly refuse: string; readonly address: Ipv4 }
  | { readonly ignore: string; readonly otherServer?: Ipv4 };

/**
 * The four states differ only in the fields they fill in: SELECTING sends options 54 and 50, INIT-REBOOT option 50 alone, RENEWING
 * and REBINDING `ciaddr` alone. Anything else is no valid state and gets nothing.
 */
export function judgeRequest(
  packet: Packet,
  client: Client,
  subnet: Subnet,
  isOurs: (serverId: Ipv4) => boolean,
  book: LeaseBook,
  nowMs: number,
): Judgement {
  const { mac, requestedAddress, serverId } = client;
  if (serverId !== undefined && !isOurs(serverId)) {
    releaseOffer(book, mac);
    return { ignore: `it chose another server, ${serverId}`, otherServer: serverId };
  }
  const ciaddr = packet.ciaddr === anyAddress ? undefined : packet.ciaddr;
  const address = requestedAddress ?? ciaddr;
  if (
    address === undefined ||
    (requestedAddress !== undefined && ciaddr !== undefined) ||
    (serverId !== undefined && requestedAddress === undefined)
  )
    return {
      ignore: "REQUEST in no valid state: see RFC 2131 table 4 for options 50, 54 and ciaddr",
    };

  if (!cidrContains(subnet.cidr, address))
    return { refuse: `${address} is not in ${formatCidr(subnet.cidr)}`, address };
  const recorded = recordedAddresses(book, mac, subnet, nowMs);
  if (recorded.includes(address)) return { grant: address };
  if (serverId !== undefined) {
    const reserved = book.policy.reservation(mac)?.address;
    const waiting =
      book.offers.offeredTo(mac, nowMs) === address && isAvailable(book, address, mac, nowMs);
    if (waiting && !recorded.includes(reserved ?? anyAddress)) return { grant: address };
    return { refuse: `${address} is not on offer to this client`, address };
  }
  if (recorded.length > 0)
    return {
      refuse: `${address} is not the address of this client, ${recorded.join()} is`,
      address,
    };
  // A server without a record of the client must not speak: another one may have given it the address (§4.3.2).
  // But whoever uses an address that was given to another machine here has to stop.
  if (ciaddr !== undefined && !isAvailable(book, address, mac, nowMs))
    return { refuse: `${address} belongs to another machine`, address };
  return { ignore: `no record of this client at ${address}` };
}
