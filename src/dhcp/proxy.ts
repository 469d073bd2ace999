// ProxyDHCP (PXE 2.1 §2.2): boot files for machines whose addresses another server gives, on port 67 and on 4011.

import { cidrContains } from "../net/cidr.ts";
import { anyAddress, broadcastAddress } from "../net/ipv4.ts";
import { type Conversation, ignored, type Outcome } from "./conversation.ts";
import { type Destination, destinationOf } from "./destination.ts";
import { bind } from "./leases.ts";
import type { BootFile, Subnet } from "./policy.ts";
import { bootClassOf } from "./pxe.ts";
import { buildProxyAnswer, replyLimit } from "./reply.ts";

/**
 * Answers a DISCOVER of network firmware on port 67 with an OFFER that has no address, and a REQUEST or INFORM on port
 * 4011 with an ACK. Everything else is for the server that gives the addresses.
 */
export function respondAsProxy(conversation: Conversation, subnet: Subnet): Outcome {
  const { packet, client, receiver, port, book } = conversation;
  const type = answerType(conversation);
  if (type === undefined)
    return ignored(
      `${client.messageType} on ${port === "pxe" ? "port 4011" : `proxy network ${subnet.name}`} is for another server`,
    );
  if (bootClassOf(client) === undefined) return ignored("it does not boot from the network");
  const boot: BootFile = book.policy.bootFile(client, receiver.address);
  if ("none" in boot) return ignored(`no boot file: ${boot.none}`);
  const answer = buildProxyAnswer(packet, client, {
    type,
    serverAddress: receiver.address,
    bootFile: boot.file,
  });
  return {
    event: {
      kind: type === "OFFER" ? "dhcp-offered" : "dhcp-acknowledged",
      bootFile: boot.file,
      reason: "boot file only",
    },
    reply: {
      packet: answer,
      destination: destination(conversation, subnet),
      maxBytes: replyLimit(client),
      needsCommit: false,
    },
  };
}

/**
 * Puts on record which address a machine with a reservation asks the other server for: the one that it boots with. The
 * REQUEST goes to all servers (RFC 2131 §3.1, 3), and its answer is not heard. Whoever else asks for the address ends that
 * record: the other server has given it on.
 */
export function hearRequest({ client, book, port, nowMs, packet }: Conversation, subnet: Subnet) {
  const { messageType, mac, requestedAddress: address = packet.ciaddr } = client;
  if (messageType !== "REQUEST") return;
  if (port === "dhcp") book.policy.heardRequest(client);
  if (!cidrContains(subnet.cidr, address)) return;
  if (book.policy.reservation(mac) !== undefined) {
    // The time that the other server gave is not known.
    const expiresAtMs = nowMs + subnet.maxLeaseSeconds * 1000;
    bind(book, { address, mac, state: "foreign", expiresAtMs, lastSeenMs: nowMs });
  } else if (book.table.at(address)?.state === "foreign") book.table.remove(address);
}

function answerType({ client, port }: Conversation): "OFFER" | "ACK" | undefined {
  const { messageType } = client;
  if (port === "dhcp") return messageType === "DISCOVER" ? "OFFER" : undefined;
  return messageType === "REQUEST" || messageType === "INFORM" ? "ACK" : undefined;
}

// On port 4011 the answer goes back where the request came from: the machine has its address by then.
function destination({ packet, port, source }: Conversation, { cidr }: Subnet): Destination {
  if (port === "dhcp") return destinationOf(packet, "OFFER", cidr);
  if (source.address !== anyAddress) return source;
  const { ciaddr } = packet;
  return { address: cidrContains(cidr, ciaddr) ? ciaddr : broadcastAddress, port: source.port };
}
