// What to do with one request: RFC 2131 §4.3 without sockets. Reads the packet's facts, asks policy and leases,
// and returns the answer and where to send it, or the reason for silence.

import { cidrContains } from "../net/cidr.ts";
import { anyAddress, type Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import {
  type Conversation,
  ignored,
  type Outcome,
  type Reply,
  type Response,
} from "./conversation.ts";
import { destinationOf } from "./destination.ts";
import {
  bind,
  chooseAddress,
  holdOffer,
  type LeaseBook,
  quarantine,
  release,
  releaseOffer,
} from "./leases.ts";
import { relaySubOption } from "./options.ts";
import type { Packet } from "./packet.ts";
import type { BootFile, DhcpEvent, Subnet } from "./policy.ts";
import { hearRequest, respondAsProxy } from "./proxy.ts";
import { buildGrant, buildNak, type Grant, replyLimit } from "./reply.ts";
import { judgeRequest } from "./request.ts";
import { findSubnet } from "./subnets.ts";

interface Located extends Conversation {
  readonly subnet: Subnet;
  /** Server identifier of the answers. */
  readonly serverId: Ipv4;
}

/** Decides about one request. It may change the lease table; the change counts once it is committed. */
export function respond(conversation: Conversation): Response {
  const { client } = conversation;
  const outcome = answer(conversation);
  return { ...outcome, event: { ...outcome.event, client } };
}

function answer(conversation: Conversation): Outcome {
  const { packet, client, config, receiver } = conversation;
  const subnet = findSubnet(packet, client, config, receiver);
  if ("ignore" in subnet) return ignored(subnet.ignore);
  if (subnet.mode === "off") return ignored(`DHCP is off in network ${subnet.name}`);
  if (subnet.mode === "proxy") hearRequest(conversation, subnet);
  if (subnet.mode === "proxy" || conversation.port === "pxe")
    return respondAsProxy(conversation, subnet);
  const located = { ...conversation, subnet, serverId: serverIdFor(conversation) };
  switch (client.messageType) {
    case "DISCOVER":
      return onDiscover(located);
    case "REQUEST":
      return onRequest(located);
    case "DECLINE":
      return onDecline(located);
    case "RELEASE":
      return onRelease(located);
    case "INFORM":
      return onInform(located);
    case "OFFER":
    case "ACK":
    case "NAK":
      return ignored(`${client.messageType} is a server's message`);
  }
}

/** RFC 5107 §4: a relay that wants to see renewals has its own address given as the server's. */
function serverIdFor({ packet, client, receiver }: Conversation): Ipv4 {
  if (packet.giaddr === anyAddress) return receiver.address;
  const override = client.relaySubOptions.get(relaySubOption.serverIdOverride);
  return override?.length === 4 ? (override.join(".") as Ipv4) : receiver.address;
}

function onDiscover(located: Located): Outcome {
  const { client, subnet, book, nowMs } = located;
  const { mac, requestedAddress } = client;
  const choice = chooseAddress(book, mac, requestedAddress, subnet, nowMs);
  if ("none" in choice) {
    const kind = choice.exhausted === true ? "dhcp-pool-exhausted" : "dhcp-ignored";
    return { event: { kind, reason: choice.none } };
  }
  if ("probing" in choice) {
    holdOffer(book, choice.probing, mac, subnet, nowMs);
    return { ...ignored(`${choice.probing} is being probed`), probing: choice.probing };
  }
  holdOffer(book, choice.address, mac, subnet, nowMs);
  const lease = { address: choice.address, seconds: leaseSeconds(located) };
  return grant(located, "dhcp-offered", "OFFER", lease);
}

function onRequest(located: Located): Outcome {
  const { packet, client, subnet, serverId, book, nowMs } = located;
  const judgement = judgeRequest(packet, client, subnet, (id) => isOurs(id, located), book, nowMs);
  if ("ignore" in judgement) {
    const { ignore: reason, otherServer: address } = judgement;
    if (address === undefined) return ignored(reason);
    const heardOn = located.receiver.name;
    return { event: { kind: "foreign-dhcp-server", address, interface: heardOn, reason } };
  }
  if ("refuse" in judgement) {
    releaseOffer(book, client.mac);
    const nak = buildNak(packet, client, serverId, judgement.refuse);
    return {
      event: { kind: "dhcp-refused", address: judgement.address, reason: judgement.refuse },
      reply: { ...reply(located, nak, "NAK"), needsCommit: false },
    };
  }
  // Before the lease counts: it is what the machine is told.
  const seconds = leaseSeconds(located);
  const shownName = book.policy.reservation(client.mac)?.hostName ?? client.hostName;
  bind(book, {
    address: judgement.grant,
    mac: client.mac,
    state: "bound",
    expiresAtMs: nowMs + seconds * 1000,
    lastSeenMs: nowMs,
    ...(client.clientId && { clientId: client.clientId.toString("hex") }),
    ...(shownName !== undefined && { hostName: shownName }),
  });
  return grant(located, "dhcp-acknowledged", "ACK", { address: judgement.grant, seconds });
}

function onDecline(located: Located): Outcome {
  const { client, book, nowMs } = located;
  const address = client.requestedAddress;
  if (address === undefined) return ignored("DECLINE without option 50 (requested address)");
  if (!isForUs(located)) return ignored(`DECLINE to another server, ${client.serverId}`);
  const problem = quarantine(book, address, client.mac, nowMs);
  if (problem !== undefined) return ignored(problem.ignore);
  const reason = `${address} is in use by another machine`;
  return { event: { kind: "dhcp-declined", address, reason } };
}

function onRelease(located: Located): Outcome {
  const { packet, client, book, nowMs } = located;
  if (!isForUs(located)) return ignored(`RELEASE to another server, ${client.serverId}`);
  const problem = release(book, packet.ciaddr, client.mac, nowMs);
  if (problem !== undefined) return ignored(problem.ignore);
  return { event: { kind: "dhcp-released", address: packet.ciaddr } };
}

// RFC 2131 §4.3.5: parameters only, for a client that has an address of its own; no lease is looked up or made.
function onInform(located: Located): Outcome {
  const { packet, subnet } = located;
  if (packet.ciaddr === anyAddress) return ignored("INFORM without ciaddr");
  if (!cidrContains(subnet.cidr, packet.ciaddr))
    return ignored(`INFORM from ${packet.ciaddr}, which is in no network served here`);
  return grant(located, "dhcp-informed", "ACK", undefined);
}

function grant(
  located: Located,
  kind: DhcpEvent["kind"],
  type: Grant["type"],
  lease: Grant["lease"],
): Outcome {
  const { packet, client, receiver, subnet, serverId, book } = located;
  const { policy } = book;
  const address = lease?.address;
  const reservation = policy.reservation(client.mac);
  const boot = policy.bootFile(client, receiver.address);
  const packetOut = buildGrant(packet, client, {
    type,
    serverId,
    serverAddress: receiver.address,
    subnet,
    lease,
    hostName: reservation?.hostName,
    bootFile: "file" in boot ? boot.file : undefined,
  });
  const reason = remark(reservation?.address, address, boot);
  return {
    event: {
      kind,
      address: address ?? packet.ciaddr,
      ...("file" in boot && { bootFile: boot.file }),
      ...(reason !== undefined && { reason }),
    },
    reply: {
      ...reply(located, packetOut, type),
      // A reservation is on record in the inventory; its lease row is for people to read. An offer may rest on a change of
      // the same batch, such as the release of its address.
      needsCommit: address !== undefined && address !== reservation?.address,
    },
  };
}

/** What an operator should know of an answer that was given. */
function remark(
  reserved: Ipv4 | undefined,
  address: Ipv4 | undefined,
  boot: BootFile,
): string | undefined {
  if (address !== undefined && reserved !== undefined && reserved !== address)
    return `not ${reserved}, which is reserved for it: that is of another network or in use`;
  return "none" in boot ? `no boot file: ${boot.none}` : boot.remark;
}

function reply(
  { packet: request, client, subnet }: Located,
  packet: Packet,
  type: Grant["type"] | "NAK",
): Omit<Reply, "needsCommit"> {
  const destination = destinationOf(request, type, subnet.cidr);
  return { packet, destination, maxBytes: replyLimit(client) };
}

/** Whether the machine is declared, or holds a lease already. */
function isAcquainted({ policy, table }: LeaseBook, mac: Mac, nowMs: number): boolean {
  if (policy.reservation(mac) !== undefined) return true;
  return table.of(mac).some(({ state, expiresAtMs }) => state === "bound" && expiresAtMs > nowMs);
}

function isOurs(id: Ipv4, { config, serverId }: Located): boolean {
  return id === serverId || config.interfaces.some(({ address }) => address === id);
}

function isForUs(located: Located): boolean {
  const { serverId } = located.client;
  return serverId === undefined || isOurs(serverId, located);
}

function leaseSeconds({ client, subnet, config, book, nowMs }: Located): number {
  const asked = client.requestedLeaseSeconds ?? subnet.leaseSeconds;
  const first = config.firstLeaseSeconds;
  const wished =
    first === undefined || isAcquainted(book, client.mac, nowMs) ? asked : Math.min(asked, first);
  return Math.min(Math.max(wished, subnet.minLeaseSeconds), subnet.maxLeaseSeconds);
}
