// What to do with one request: RFC 2131 §4.3 without sockets. Reads the packet's facts, asks policy and leases,
// and returns the answer and where to send it, or the reason for silence.

import { cidrContains } from "../net/cidr.ts";
import { anyAddress, type Ipv4 } from "../net/ipv4.ts";
import { type Client, clientFacts, readClient } from "./client.ts";
import { type Destination, destinationOf } from "./destination.ts";
import { bind, chooseAddress, type LeaseBook, quarantine, release } from "./leases.ts";
import type { Packet } from "./packet.ts";
import type { DhcpConfig, DhcpEvent, Subnet } from "./policy.ts";
import { buildGrant, buildNak, type Grant, replyLimit } from "./reply.ts";
import { judgeRequest } from "./request.ts";

export interface Reply {
  readonly packet: Packet;
  readonly destination: Destination;
  /** The longest message the client takes, octets. */
  readonly maxBytes: number;
}

/** Every request ends in an event; a reply is there when something is to be sent. */
export interface Response {
  readonly event: DhcpEvent;
  readonly reply?: Reply;
}

interface Conversation {
  readonly packet: Packet;
  readonly client: Client;
  readonly subnet: Subnet;
  readonly config: DhcpConfig;
  readonly book: LeaseBook;
  readonly nowMs: number;
}

type Outcome = Omit<Response, "event"> & { readonly event: Omit<DhcpEvent, "mac" | "facts"> };

/** Decides about one decoded packet at `nowMs`. Throws only what the lease store throws when it is read. */
export function respond(
  packet: Packet,
  config: DhcpConfig,
  book: LeaseBook,
  nowMs: number,
): Response {
  const client = readClient(packet);
  if ("ignore" in client)
    return { event: { ...ignored(client.ignore).event, mac: undefined, facts: {} } };
  const subnet = subnetOf(packet, client, config);
  const outcome =
    subnet === undefined
      ? ignored(`relay ${packet.giaddr} is in no network served here`)
      : answer({ packet, client, subnet, config, book, nowMs });
  return { ...outcome, event: { ...outcome.event, mac: client.mac, facts: clientFacts(client) } };
}

function answer(conversation: Conversation): Outcome {
  const { messageType } = conversation.client;
  switch (messageType) {
    case "DISCOVER":
      return onDiscover(conversation);
    case "REQUEST":
      return onRequest(conversation);
    case "DECLINE":
      return onDecline(conversation);
    case "RELEASE":
      return onRelease(conversation);
    case "INFORM":
      return onInform(conversation);
    case "OFFER":
    case "ACK":
    case "NAK":
      return ignored(`${messageType} is a server's message`);
  }
}

function onDiscover(conversation: Conversation): Outcome {
  const { client, subnet, book, nowMs } = conversation;
  const choice = chooseAddress(book, client.mac, client.requestedAddress, subnet, nowMs);
  if ("none" in choice) return ignored(choice.none);
  book.offers.hold(choice.address, client.mac, nowMs);
  return grant(conversation, "dhcp-offered", "OFFER", choice.address);
}

function onRequest(conversation: Conversation): Outcome {
  const { packet, client, subnet, config, book, nowMs } = conversation;
  const judgement = judgeRequest(packet, client, subnet, config.serverAddress, book, nowMs);
  if ("ignore" in judgement) return ignored(judgement.ignore);
  if ("refuse" in judgement) {
    book.offers.release(client.mac);
    const nak = buildNak(packet, client, config.serverAddress, judgement.refuse);
    return {
      event: { kind: "dhcp-refused", address: judgement.address, reason: judgement.refuse },
      reply: reply(conversation, nak, "NAK"),
    };
  }
  const hostName = hostNameOf(conversation);
  const shownName = hostName ?? client.hostName;
  const binding = bind(
    book,
    {
      address: judgement.grant,
      mac: client.mac,
      state: "bound",
      expiresAtMs: nowMs + leaseSeconds(client, config) * 1000,
      lastSeenMs: nowMs,
      ...(client.clientId && { clientId: client.clientId.toString("hex") }),
      ...(shownName !== undefined && { hostName: shownName }),
    },
    nowMs,
  );
  if (!binding.bound) return ignored(binding.why);
  return grant(conversation, "dhcp-acknowledged", "ACK", judgement.grant, binding.warning);
}

function onDecline(conversation: Conversation): Outcome {
  const { client, config, book, nowMs } = conversation;
  const address = client.requestedAddress;
  if (address === undefined) return ignored("DECLINE without option 50 (requested address)");
  if (!isForUs(client, config)) return ignored(`DECLINE to another server, ${client.serverId}`);
  const problem = quarantine(book, address, client.mac, nowMs);
  if (problem !== undefined) return ignored(problem.ignore);
  const reason = `${address} is in use by another machine`;
  return { event: { kind: "dhcp-declined", address, reason } };
}

function onRelease(conversation: Conversation): Outcome {
  const { packet, client, config, book, nowMs } = conversation;
  if (!isForUs(client, config)) return ignored(`RELEASE to another server, ${client.serverId}`);
  const problem = release(book, packet.ciaddr, client.mac, nowMs);
  if (problem !== undefined) return ignored(problem.ignore);
  return { event: { kind: "dhcp-released", address: packet.ciaddr } };
}

// RFC 2131 §4.3.5: parameters only, for a client that has an address of its own; no lease is looked up or made.
function onInform(conversation: Conversation): Outcome {
  const { packet, subnet } = conversation;
  if (packet.ciaddr === anyAddress) return ignored("INFORM without ciaddr");
  if (!cidrContains(subnet.cidr, packet.ciaddr))
    return ignored(`INFORM from ${packet.ciaddr}, which is in no network served here`);
  return grant(conversation, "dhcp-informed", "ACK", undefined);
}

function grant(
  conversation: Conversation,
  kind: DhcpEvent["kind"],
  type: Grant["type"],
  address: Ipv4 | undefined,
  warning?: string,
): Outcome {
  const { packet, client, subnet, config, book } = conversation;
  const boot = book.policy.bootFile(client);
  const packetOut = buildGrant(packet, client, {
    type,
    serverAddress: config.serverAddress,
    subnet,
    lease: address && { address, seconds: leaseSeconds(client, config) },
    hostName: hostNameOf(conversation),
    bootFile: "file" in boot ? boot.file : undefined,
  });
  const reason = warning ?? ("none" in boot ? `no boot file: ${boot.none}` : undefined);
  return {
    event: {
      kind,
      address: address ?? packet.ciaddr,
      ...("file" in boot && { bootFile: boot.file }),
      ...(reason !== undefined && { reason }),
    },
    reply: reply(conversation, packetOut, type),
  };
}

function reply(conversation: Conversation, packet: Packet, type: Grant["type"] | "NAK"): Reply {
  const { packet: request, client } = conversation;
  return { packet, destination: destinationOf(request, type), maxBytes: replyLimit(client) };
}

function ignored(reason: string): Outcome {
  return { event: { kind: "dhcp-ignored", reason } };
}

function isForUs(client: Client, config: DhcpConfig): boolean {
  return client.serverId === undefined || client.serverId === config.serverAddress;
}

function hostNameOf({ client, book }: Conversation): string | undefined {
  return book.policy.reservation(client.mac)?.hostName;
}

function leaseSeconds(client: Client, config: DhcpConfig): number {
  const wished = client.requestedLeaseSeconds ?? config.leaseSeconds;
  return Math.min(Math.max(wished, config.minLeaseSeconds), config.maxLeaseSeconds);
}

/**
 * The network a request comes from: the relay's; else that of the address the client uses, because a renewal reaches the
 * server without its relay; else the server's own. Option 82 has no say: any client can forge it.
 */
function subnetOf(packet: Packet, client: Client, config: DhcpConfig): Subnet | undefined {
  const containing = (address: Ipv4) =>
    config.subnets.find(({ cidr }) => cidrContains(cidr, address));
  if (packet.giaddr !== anyAddress) return containing(packet.giaddr);
  const own = containing(config.serverAddress);
  return client.messageType === "DISCOVER" ? own : (containing(packet.ciaddr) ?? own);
}
