// The runbook's provisioning network, and requests from machines in it.

import { type MessageType, messageTypes } from "../../src/dhcp/client.ts";
import type { Destination } from "../../src/dhcp/destination.ts";
import { type Answer, createEngine, type DhcpEngine, type Request } from "../../src/dhcp/engine.ts";
import type { Lease } from "../../src/dhcp/lease-table.ts";
import { option } from "../../src/dhcp/options.ts";
import { decodePacket, encodePacket, type Packet } from "../../src/dhcp/packet.ts";
import type { DhcpConfig, DhcpEvent, DhcpPolicy, Subnet } from "../../src/dhcp/policy.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import { type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { type Mac, macToBytes } from "../../src/net/mac.ts";
import {
  createMemoryLeaseJournal,
  type MemoryLeaseJournal,
} from "../fakes/memory-lease-journal.ts";

export const ip = (text: string) => text as Ipv4;
export const node01 = "52:54:00:12:34:56" as Mac;
export const stranger = "52:54:00:99:00:01" as Mac;
export const other = "52:54:00:99:00:02" as Mac;
const server = ip("10.0.100.10");
const any = ip("0.0.0.0");

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`${text} is no CIDR`);
  return parsed;
};

const provisioning: Subnet = {
  name: "provisioning",
  cidr: cidr("10.0.100.0/24"),
  mode: "authoritative",
  interface: "eth0",
  router: ip("10.0.100.1"),
  dns: [ip("10.0.100.1"), ip("8.8.8.8")],
  domain: "prov.example.com",
  searchDomains: [],
  ntp: [],
  mtu: undefined,
  routes: [],
  pools: [{ start: ip("10.0.100.100"), end: ip("10.0.100.200") }],
  leaseSeconds: 600,
  minLeaseSeconds: 60,
  maxLeaseSeconds: 7200,
};

const rackB: Subnet = {
  ...provisioning,
  name: "rack-b",
  cidr: cidr("10.0.101.0/24"),
  interface: undefined,
  router: ip("10.0.101.1"),
  dns: [ip("10.0.100.1")],
  pools: [{ start: ip("10.0.101.100"), end: ip("10.0.101.200") }],
};

export const config: DhcpConfig = {
  interfaces: [{ name: "eth0", address: server }],
  subnets: [provisioning, rackB],
  relays: [],
  conflictProbe: false,
  allowSecondServer: false,
};

/** The provisioning network and rack-b, the first with changes. */
export function withProvisioning(changes: Partial<Subnet>): Partial<DhcpConfig> {
  return { subnets: [{ ...provisioning, ...changes }, rackB] };
}

/** node01 has 10.0.100.50; the boot file depends on iPXE and architecture 7 or 16 alone. */
export const policy: DhcpPolicy = {
  refusal: () => undefined,
  reservation: (mac) =>
    mac === node01 ? { address: ip("10.0.100.50"), hostName: "node01" } : undefined,
  reservedFor: (address) => (address === "10.0.100.50" ? node01 : undefined),
  bootFile: ({ ipxe, architectures: [arch] }) => {
    if (ipxe) return { file: "http://10.0.100.10:8080/boot/ipxe/boot.ipxe" };
    if (arch === 7) return { file: "ipxe.efi" };
    if (arch === 16) return { file: "http://10.0.100.10:8080/boot/ipxe.efi" };
    return { none: "no known architecture" };
  },
  heardRequest: () => undefined,
};

export interface Reply {
  readonly packet: Packet;
  readonly destination: Destination;
  /** The length of the datagram. */
  readonly octets: number;
}

export interface Response {
  readonly event: DhcpEvent;
  readonly reply?: Reply;
}

/** Where a request comes in; port 67 of the first interface, from the client's own address, unless it says otherwise. */
export type Arrival = Partial<Omit<Request, "datagram">>;

export interface Site {
  readonly journal: MemoryLeaseJournal;
  readonly engine: DhcpEngine;
  nowMs: number;
  /** One request, alone in its batch. */
  send(packet: Packet, arrival?: Arrival): Response;
  /** Requests that arrive together, and all the answers to them. */
  batch(packets: readonly Packet[], arrival?: Arrival): Reply[];
  /** What is answered after `ms` milliseconds without a request. */
  wait(ms: number): Reply[];
  /** The events of everything since the start. */
  readonly events: readonly DhcpEvent[];
}

export interface SiteChanges {
  readonly config?: Partial<DhcpConfig>;
  readonly policy?: Partial<DhcpPolicy>;
  readonly ownMacs?: readonly Mac[];
}

const startMs = 1_000_000;

export function createSite(leases: readonly Lease[] = [], changes: SiteChanges = {}): Site {
  const journal = createMemoryLeaseJournal(...leases);
  const events: DhcpEvent[] = [];
  const siteConfig = { ...config, ...changes.config };
  const [receiver] = siteConfig.interfaces;
  if (receiver === undefined) throw new Error("the site has no interface");
  const engine = createEngine(
    {
      config: siteConfig,
      policy: { ...policy, ...changes.policy },
      journal,
      onEvent: (event) => events.push(event),
      ownMacs: new Set(changes.ownMacs),
    },
    startMs,
  );
  const receive = (packets: readonly Packet[], arrival: Arrival) =>
    engine
      .receive(
        packets.map((packet) => ({
          datagram: encodePacket(packet, 1472).datagram,
          ...{ receiver, port: "dhcp", source: { address: packet.ciaddr, port: 68 } },
          ...arrival,
        })),
        site.nowMs,
      )
      .map(replyOf);
  const site: Site = {
    journal,
    engine,
    events,
    nowMs: startMs,
    send(packet, arrival = {}) {
      const [reply] = receive([packet], arrival);
      const event = events.at(-1);
      if (event === undefined) throw new Error("every request ends in an event");
      return reply === undefined ? { event } : { event, reply };
    },
    batch: (packets, arrival = {}) => receive(packets, arrival),
    wait(ms) {
      site.nowMs += ms;
      return engine.tick(site.nowMs).map(replyOf);
    },
  };
  return site;
}

/** An answer as its receiver reads it. */
function replyOf(answer: Answer): Reply {
  const packet = decodePacket(answer.datagram);
  if ("malformed" in packet) throw new Error(packet.malformed);
  const destination = { address: answer.address, port: answer.toPort };
  return { packet, destination, octets: answer.datagram.length };
}

export function lease(address: string, mac: Mac, changes: Partial<Lease> = {}): Lease {
  return {
    address: ip(address),
    mac,
    state: "bound",
    expiresAtMs: 1_600_000,
    lastSeenMs: 1_000_000,
    ...changes,
  };
}

export function addressOption(address: string): Buffer {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(ipv4ToNumber(ip(address)));
  return data;
}

export interface Fields extends Partial<Omit<Packet, "options">> {
  readonly mac?: Mac;
  readonly options?: Readonly<Record<number, Buffer>>;
}

/** A request from the stranger unless `mac` says otherwise. */
export function request(type: MessageType, fields: Fields = {}): Packet {
  const { mac = stranger, options = {}, ...rest } = fields;
  return {
    op: 1,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0x12345678,
    secs: 4,
    flags: 0,
    ciaddr: any,
    yiaddr: any,
    siaddr: any,
    giaddr: any,
    chaddr: Buffer.concat([macToBytes(mac), Buffer.alloc(10)]),
    sname: "",
    file: "",
    options: new Map([
      [option.messageType, Buffer.of(messageTypes[type])],
      ...Object.entries(options).map(([number, data]): [number, Buffer] => [Number(number), data]),
    ]),
    ...rest,
  };
}

/** A REQUEST in the SELECTING state, to this server. */
export function selecting(address: string, fields: Fields = {}): Packet {
  const options = {
    [option.requestedAddress]: addressOption(address),
    [option.serverId]: addressOption(server),
    ...fields.options,
  };
  return request("REQUEST", { ...fields, options });
}

/** A REQUEST in the INIT-REBOOT state. */
export function initReboot(address: string, fields: Fields = {}): Packet {
  const options = { [option.requestedAddress]: addressOption(address), ...fields.options };
  return request("REQUEST", { ...fields, options });
}

/** A REQUEST in the RENEWING or REBINDING state. */
export function renewing(address: string, fields: Fields = {}): Packet {
  return request("REQUEST", { ...fields, ciaddr: ip(address) });
}

/** The `number`th of machines that nobody has declared. */
export function machine(number: number): Mac {
  const digits = number.toString(16).padStart(6, "0");
  return `02:00:00:${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}` as Mac;
}

/** What came of a request, in one line: `ACK 10.0.100.100`, `NAK`, or `silence`. */
export function outcome({ reply }: { readonly reply?: Reply }): string {
  if (reply === undefined) return "silence";
  const type = reply.packet.options.get(option.messageType)?.[0];
  if (type === messageTypes.NAK) return "NAK";
  const name = type === messageTypes.OFFER ? "OFFER" : "ACK";
  return `${name} ${reply.packet.yiaddr}`;
}
