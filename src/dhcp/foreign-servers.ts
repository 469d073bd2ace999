// Notices other DHCP servers on a network that this one serves: a DISCOVER of our own tempts them, and what they broadcast
// is overheard. Pure: datagrams in and out.

import type { Ipv4 } from "../net/ipv4.ts";
import { anyAddress } from "../net/ipv4.ts";
import { type Mac, macToBytes } from "../net/mac.ts";
import { messageTypes } from "./client.ts";
import { isMalformed, option, readAddress, readU8 } from "./options.ts";
import { bootReply, bootRequest, broadcastFlag, decodePacket, encodePacket } from "./packet.ts";

/** A DISCOVER from `mac` whose answers are broadcast. It asks for nothing, and no offer is ever taken up. */
export function temptation(mac: Mac, xid: number): Buffer {
  return encodePacket({
    op: bootRequest,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid,
    secs: 0,
    flags: broadcastFlag,
    ciaddr: anyAddress,
    yiaddr: anyAddress,
    siaddr: anyAddress,
    giaddr: anyAddress,
    chaddr: Buffer.concat([macToBytes(mac), Buffer.alloc(10)]),
    sname: "",
    file: "",
    options: new Map([
      [option.messageType, Buffer.of(messageTypes.DISCOVER)],
      [option.parameterList, Buffer.of(option.subnetMask)],
    ]),
  }).datagram;
}

/** The server that sent an OFFER, ACK or NAK, unless it is one of `ours`. It is named by option 54, else by the sender's address. */
export function foreignServer(
  datagram: Buffer,
  sender: Ipv4,
  ours: ReadonlySet<Ipv4>,
): Ipv4 | undefined {
  const packet = decodePacket(datagram);
  if ("malformed" in packet || packet.op !== bootReply) return undefined;
  const type = readU8(packet.options, option.messageType);
  const answers: unknown[] = [messageTypes.OFFER, messageTypes.ACK, messageTypes.NAK];
  if (!answers.includes(type)) return undefined;
  const named = readAddress(packet.options, option.serverId);
  const server = named === undefined || isMalformed(named) ? sender : named;
  return ours.has(server) || ours.has(sender) ? undefined : server;
}
