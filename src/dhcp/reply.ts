// Builds OFFER, ACK and NAK from a request and what was decided (RFC 2131 §4.3.1 and table 3). It decides nothing itself.

import { anyAddress, type Ipv4 } from "../net/ipv4.ts";
import { type Client, messageTypes } from "./client.ts";
import { addressData, option, textData, u32Data } from "./options.ts";
import { bootReply, broadcastFlag, type Packet, smallestMaxSize } from "./packet.ts";
import { parameter } from "./parameters.ts";
import type { Subnet } from "./policy.ts";
import { type BootFields, bootOptions } from "./pxe.ts";

export interface Grant {
  readonly type: "OFFER" | "ACK";
  /** Option 54; a relay may have it replaced (RFC 5107). */
  readonly serverId: Ipv4;
  /** Next-server. */
  readonly serverAddress: Ipv4;
  readonly subnet: Subnet;
  /** Undefined for INFORM, whose answer gives neither an address nor a time (§4.3.5). */
  readonly lease: { readonly address: Ipv4; readonly seconds: number } | undefined;
  readonly hostName: string | undefined;
  readonly bootFile: string | undefined;
}

// What a client gets that sends no parameter list.
const usualParameters = [
  option.subnetMask,
  option.router,
  option.domainNameServer,
  option.hostName,
  option.domainName,
  option.broadcastAddress,
];
const ethernetMtu = 1500;
const ipAndUdpHeaders = 28;

/** OFFER, ACK, or the ACK to an INFORM. Options are in order of importance, then in the order the client asked (RFC 2132 §9.8). */
export function buildGrant(request: Packet, client: Client, grant: Grant): Packet {
  const { lease, serverAddress } = grant;
  const boot = bootOptions(client, serverAddress, grant.bootFile);
  const options = answerOptions(grant.type, grant.serverId);
  if (lease !== undefined) {
    options.set(option.leaseTime, u32Data(lease.seconds));
    options.set(option.renewalTime, u32Data(Math.floor(lease.seconds / 2)));
    options.set(option.rebindingTime, u32Data(Math.floor((lease.seconds * 7) / 8)));
  }
  echoIdentity(options, client);
  addBoot(options, client, boot);
  echoSubnetSelection(options, request);
  const asked = client.parameterList ?? usualParameters;
  for (const number of maskBeforeRouter(asked)) {
    const data = options.has(number) ? undefined : parameter(number, asked, grant);
    if (data !== undefined) options.set(number, data);
  }
  return {
    ...answerTo(request),
    ciaddr: grant.type === "ACK" ? request.ciaddr : anyAddress,
    yiaddr: lease?.address ?? anyAddress,
    siaddr: boot.siaddr,
    file: boot.file,
    options,
  };
}

/** RFC 2132 §3.3: the mask must come before the router, whatever the client's order. */
function maskBeforeRouter(asked: readonly number[]): readonly number[] {
  const router = asked.indexOf(option.router);
  if (router === -1 || asked.indexOf(option.subnetMask) <= router) return asked;
  return asked.toSpliced(router, 0, option.subnetMask);
}

export interface ProxyGrant {
  readonly type: "OFFER" | "ACK";
  readonly serverAddress: Ipv4;
  readonly bootFile: string;
}

/** The answer of a proxyDHCP server: a boot file and nothing that an address server gives (PXE 2.1 §2.2). */
export function buildProxyAnswer(request: Packet, client: Client, grant: ProxyGrant): Packet {
  const boot = bootOptions(client, grant.serverAddress, grant.bootFile);
  const options = answerOptions(grant.type, grant.serverAddress);
  echoIdentity(options, client);
  addBoot(options, client, boot);
  return {
    ...answerTo(request),
    ciaddr: grant.type === "ACK" ? request.ciaddr : anyAddress,
    siaddr: boot.siaddr,
    file: boot.file,
    options,
  };
}

/** NAK: no addresses, no parameters. A relay must broadcast it, for the client's address is wrong (§4.3.2). */
export function buildNak(request: Packet, client: Client, serverId: Ipv4, message: string): Packet {
  const options = answerOptions("NAK", serverId);
  options.set(option.message, textData(message));
  echoIdentity(options, client);
  const relayed = request.giaddr !== anyAddress;
  const answer = answerTo(request);
  return { ...answer, flags: relayed ? answer.flags | broadcastFlag : answer.flags, options };
}

/**
 * How many octets of DHCP message the client takes, the relay's option not counted: the relay takes that away. Option 57 counts
 * the IP and UDP headers, and 576 is its least legal value. With the relay's option the answer still fits a frame.
 */
export function replyLimit(client: Client): number {
  const { relayAgentInfo } = client;
  const ofRelay = relayAgentInfo === undefined ? 0 : relayAgentInfo.length + 2;
  const datagram = Math.min(client.maxSize ?? 0, ethernetMtu - ofRelay);
  return Math.max(smallestMaxSize, datagram - ipAndUdpHeaders);
}

function answerTo(request: Packet): Packet {
  return {
    op: bootReply,
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags: request.flags,
    ciaddr: anyAddress,
    yiaddr: anyAddress,
    siaddr: anyAddress,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: "",
    file: "",
    options: new Map(),
  };
}

function answerOptions(type: "OFFER" | "ACK" | "NAK", serverId: Ipv4): Map<number, Buffer> {
  return new Map([
    [option.messageType, Buffer.of(messageTypes[type])],
    [option.serverId, addressData(serverId)],
  ]);
}

// RFC 6842 §3 and RFC 3046 §2.2; machine GUIDs (RFC 4578 §2.3) have no place in a NAK (RFC 2131 table 3).
function echoIdentity(options: Map<number, Buffer>, client: Client): void {
  if (client.clientId !== undefined) options.set(option.clientId, client.clientId);
  if (client.relayAgentInfo !== undefined)
    options.set(option.relayAgentInfo, client.relayAgentInfo);
}

function addBoot(options: Map<number, Buffer>, client: Client, boot: BootFields): void {
  if (client.machineId !== undefined) options.set(option.machineId, client.machineId);
  for (const [number, data] of boot.options) options.set(number, data);
}

// RFC 3011 §2: whoever selects a network gets option 118 back, asked for or not.
function echoSubnetSelection(options: Map<number, Buffer>, request: Packet): void {
  const data = request.options.get(option.subnetSelection);
  if (data?.length === 4) options.set(option.subnetSelection, data);
}
