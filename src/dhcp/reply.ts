// Builds OFFER, ACK and NAK from a request and what was decided (RFC 2131 §4.3.1 and table 3). It decides nothing itself.

import { directedBroadcast, netmask } from "../net/cidr.ts";
import { anyAddress, type Ipv4, ipv4ToNumber } from "../net/ipv4.ts";
import { type Client, messageTypes } from "./client.ts";
import { option } from "./options.ts";
import { bootReply, broadcastFlag, type Packet, smallestMaxSize } from "./packet.ts";
import type { Subnet } from "./policy.ts";

export interface Grant {
  readonly type: "OFFER" | "ACK";
  readonly serverAddress: Ipv4;
  readonly subnet: Subnet;
  /** Undefined for INFORM, whose answer gives neither an address nor a time (§4.3.5). */
  readonly lease: { readonly address: Ipv4; readonly seconds: number } | undefined;
  readonly hostName: string | undefined;
  readonly bootFile: string | undefined;
}

// One octet is kept for the NUL that readers of `file` expect.
const longestFileName = 127;
// What a client gets that sends no parameter list.
const usualParameters = [
  option.subnetMask,
  option.router,
  option.domainNameServer,
  option.hostName,
  option.domainName,
  option.broadcastAddress,
];
// PXE_DISCOVERY_CONTROL (PXE 2.1), sub-option 6, value 8: boot the file named here and look for no boot server. Without it
// EDK2 takes the PXEClient class as a promise of one and asks port 4011. 255 ends the list.
const bootNamedFile = Buffer.of(6, 1, 8, option.end);
const ethernetMtu = 1500;
const ipAndUdpHeaders = 28;

/** OFFER, ACK, or the ACK to an INFORM. Options are in order of importance, then in the order the client asked (RFC 2132 §9.8). */
export function buildGrant(request: Packet, client: Client, grant: Grant): Packet {
  const { bootFile = "", lease, serverAddress } = grant;
  const fitsFile = bootFile.length <= longestFileName;
  const options = new Map<number, Buffer>([
    [option.messageType, Buffer.of(messageTypes[grant.type])],
    [option.serverId, addresses(serverAddress)],
  ]);
  if (lease !== undefined) {
    options.set(option.leaseTime, seconds(lease.seconds));
    options.set(option.renewalTime, seconds(Math.floor(lease.seconds / 2)));
    options.set(option.rebindingTime, seconds(Math.floor((lease.seconds * 7) / 8)));
  }
  echoIdentity(options, client);
  if (client.machineId !== undefined) options.set(option.machineId, client.machineId);
  if (bootFile !== "") {
    if (!fitsFile) options.set(option.bootFileName, text(bootFile));
    addBootOptions(options, client);
  }
  const asked = client.parameterList ?? usualParameters;
  // RFC 2132 §3.3: the mask must come before the router, whatever the client's order.
  const ordered = asked.includes(option.subnetMask) ? [option.subnetMask, ...asked] : asked;
  for (const number of ordered) {
    const data = parameter(number, grant);
    if (data !== undefined && !options.has(number)) options.set(number, data);
  }
  return {
    ...answerTo(request),
    ciaddr: grant.type === "ACK" ? request.ciaddr : anyAddress,
    yiaddr: lease?.address ?? anyAddress,
    siaddr: serverAddress,
    file: fitsFile ? bootFile : "",
    options,
  };
}

/** NAK: no addresses, no parameters. A relay must broadcast it, for the client's address is wrong (§4.3.2). */
export function buildNak(
  request: Packet,
  client: Client,
  serverAddress: Ipv4,
  message: string,
): Packet {
  const options = new Map<number, Buffer>([
    [option.messageType, Buffer.of(messageTypes.NAK)],
    [option.serverId, addresses(serverAddress)],
    [option.message, text(message)],
  ]);
  echoIdentity(options, client);
  const relayed = request.giaddr !== anyAddress;
  const answer = answerTo(request);
  return { ...answer, flags: relayed ? answer.flags | broadcastFlag : answer.flags, options };
}

/** How many octets of DHCP message the client takes. Option 57 counts the IP and UDP headers, and 576 is its least legal value. */
export function replyLimit(client: Client): number {
  const datagram = Math.min(client.maxSize ?? 0, ethernetMtu);
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

// The class an offer of a boot file must carry: PXE 2.1 for the one, HTTP Boot in the UEFI specification for the other.
// An answer without a boot file carries neither, or the firmware would look for a boot server.
function addBootOptions(options: Map<number, Buffer>, client: Client): void {
  const { vendorClass } = client;
  if (vendorClass?.startsWith("PXEClient") === true) {
    options.set(option.vendorClass, text("PXEClient"));
    options.set(option.vendorSpecific, bootNamedFile);
  } else if (vendorClass?.startsWith("HTTPClient") === true)
    options.set(option.vendorClass, text("HTTPClient"));
}

// RFC 6842 §3 and RFC 3046 §2.2; machine GUIDs (RFC 4578 §2.3) have no place in a NAK (RFC 2131 table 3).
function echoIdentity(options: Map<number, Buffer>, client: Client): void {
  if (client.clientId !== undefined) options.set(option.clientId, client.clientId);
  if (client.relayAgentInfo !== undefined)
    options.set(option.relayAgentInfo, client.relayAgentInfo);
}

function parameter(number: number, grant: Grant): Buffer | undefined {
  const { subnet, serverAddress, hostName, bootFile } = grant;
  switch (number) {
    case option.subnetMask:
      return addresses(netmask(subnet.cidr));
    case option.broadcastAddress:
      return addresses(directedBroadcast(subnet.cidr));
    case option.router:
      return addresses(subnet.router);
    case option.domainNameServer:
      return subnet.dns.length > 0 ? addresses(...subnet.dns) : undefined;
    case option.domainName:
      return text(subnet.domain);
    case option.hostName:
      return hostName === undefined ? undefined : text(hostName);
    case option.tftpServerName:
      return bootFile === undefined ? undefined : text(serverAddress);
    case option.bootFileName:
      return bootFile === undefined ? undefined : text(bootFile);
    default:
      return undefined;
  }
}

function addresses(...values: readonly Ipv4[]): Buffer {
  const data = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) data.writeUInt32BE(ipv4ToNumber(value), i * 4);
  return data;
}

function seconds(value: number): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(value);
  return data;
}

function text(value: string): Buffer {
  return Buffer.from(value, "latin1");
}
