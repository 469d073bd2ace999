// The runbook's provisioning network, and requests from machines in it.

import { type MessageType, messageTypes } from "../../src/dhcp/client.ts";
import { createLeaseBook, type Lease, type LeaseBook } from "../../src/dhcp/leases.ts";
import { option } from "../../src/dhcp/options.ts";
import type { Packet } from "../../src/dhcp/packet.ts";
import type { DhcpConfig, DhcpPolicy } from "../../src/dhcp/policy.ts";
import { type Response, respond } from "../../src/dhcp/respond.ts";
import { parseCidr } from "../../src/net/cidr.ts";
import { type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { type Mac, macToBytes } from "../../src/net/mac.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "../fakes/memory-lease-store.ts";

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

export const config: DhcpConfig = {
  serverAddress: server,
  subnets: [
    {
      cidr: cidr("10.0.100.0/24"),
      router: ip("10.0.100.1"),
      dns: [ip("10.0.100.1"), ip("8.8.8.8")],
      domain: "prov.example.com",
      pool: { start: ip("10.0.100.100"), end: ip("10.0.100.200") },
    },
    {
      cidr: cidr("10.0.101.0/24"),
      router: ip("10.0.101.1"),
      dns: [ip("10.0.100.1")],
      domain: "prov.example.com",
      pool: { start: ip("10.0.101.100"), end: ip("10.0.101.200") },
    },
  ],
  leaseSeconds: 600,
  minLeaseSeconds: 60,
  maxLeaseSeconds: 7200,
};

/** node01 has 10.0.100.50; the boot file depends on iPXE and architecture 7 or 16 alone. */
export const policy: DhcpPolicy = {
  reservation: (mac) =>
    mac === node01 ? { address: ip("10.0.100.50"), hostName: "node01" } : undefined,
  reservedFor: (address) => (address === "10.0.100.50" ? node01 : undefined),
  bootFile: ({ ipxe, architectures: [arch] }) => {
    if (ipxe) return { file: "http://10.0.100.10:8080/boot/ipxe/boot.ipxe" };
    if (arch === 7) return { file: "ipxe.efi" };
    if (arch === 16) return { file: "http://10.0.100.10:8080/boot/ipxe.efi" };
    return { none: "no known architecture" };
  },
};

export interface Site {
  readonly store: MemoryLeaseStore;
  readonly book: LeaseBook;
  nowMs: number;
  send(packet: Packet): Response;
}

export function createSite(
  leases: readonly Lease[] = [],
  changes: { config?: Partial<DhcpConfig>; policy?: Partial<DhcpPolicy> } = {},
): Site {
  const store = createMemoryLeaseStore(...leases);
  const book = createLeaseBook(store, { ...policy, ...changes.policy });
  const site: Site = {
    store,
    book,
    nowMs: 1_000_000,
    send: (packet) => respond(packet, { ...config, ...changes.config }, book, site.nowMs),
  };
  return site;
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

/** What came of a request, in one line: `ACK 10.0.100.100`, `NAK`, or `silence`. */
export function outcome({ reply }: Response): string {
  if (reply === undefined) return "silence";
  const type = reply.packet.options.get(option.messageType)?.[0];
  if (type === messageTypes.NAK) return "NAK";
  const name = type === messageTypes.OFFER ? "OFFER" : "ACK";
  return `${name} ${reply.packet.yiaddr}`;
}
