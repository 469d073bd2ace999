// The site that is fuzzed, and what must hold of every answer it gives: a naive record of who was given what, beside the
// server's own.

import { messageTypes } from "../../src/dhcp/client.ts";
import type { Answer, Request } from "../../src/dhcp/engine.ts";
import { isMalformed, option, readAddress, readU8 } from "../../src/dhcp/options.ts";
import { decodePacket, type Packet } from "../../src/dhcp/packet.ts";
import type { DhcpConfig, DhcpEvent, DhcpPolicy, Subnet } from "../../src/dhcp/policy.ts";
import { type Cidr, cidrContains, parseCidr } from "../../src/net/cidr.ts";
import { anyAddress, broadcastAddress, type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import { type Mac, macFromBytes } from "../../src/net/mac.ts";
import type { MemoryLeaseJournal } from "../fakes/memory-lease-journal.ts";

const ip = (text: string) => text as Ipv4;

function subnet(name: string, cidr: string, pool: string, changes: Partial<Subnet> = {}): Subnet {
  const parsed = parseCidr(cidr) as Cidr;
  const prefix = cidr.split(".").slice(0, 2).join(".");
  const pools = pool
    .split(",")
    .filter((range) => range !== "")
    .map((range) => {
      const [start = "", end = ""] = range.split("-");
      return { start: ip(`${prefix}.${start}`), end: ip(`${prefix}.${end}`) };
    });
  return {
    ...{ name, cidr: parsed, mode: "authoritative", interface: undefined, pools },
    ...{ router: ip("10.0.96.1"), dns: [ip("10.0.96.1")], domain: "example.com", mtu: 9000 },
    ...{ searchDomains: ["example.com", "a.example.com"], ntp: [ip("10.0.96.1")] },
    routes: [{ to: { network: ip("10.0.0.0"), prefix: 8 }, via: ip("10.0.96.1") }],
    ...{ leaseSeconds: 600, minLeaseSeconds: 60, maxLeaseSeconds: 7200, ...changes },
  };
}

const eth0 = { name: "eth0", address: ip("10.0.96.10") };
const eth1 = { name: "eth1", address: ip("10.0.100.10") };
export const interfaces = [eth0, eth1] as const;
export const relays = [
  ip("10.0.97.1"),
  ip("10.0.98.1"),
  ip("10.0.101.1"),
  ip("192.0.2.1"),
] as const;

export const config: DhcpConfig = {
  interfaces,
  subnets: [
    subnet("attached", "10.0.96.0/24", "96.100-96.140,96.150-96.199", { interface: "eth0" }),
    subnet("small", "10.0.97.0/24", "97.100-97.107", { leaseSeconds: 60 }),
    subnet("large", "10.0.104.0/21", "104.10-111.250"),
    subnet("other", "10.0.98.0/24", "98.100-98.200", { maxLeaseSeconds: 60 }),
    subnet("proxied", "10.0.100.0/24", "", { interface: "eth1", mode: "proxy" }),
    subnet("silent", "10.0.101.0/24", "101.100-101.200", { mode: "off" }),
  ],
  relays: [ip("192.0.2.1")],
  conflictProbe: true,
  allowSecondServer: false,
};

const reserved = new Map<Ipv4, Mac>();
const reservations = new Map<Mac, Ipv4>();
for (let i = 0; i < 40; i++) {
  const address = ip(`10.0.${i % 2 === 0 ? 96 : 98}.${20 + i}`);
  const mac = `52:54:00:00:00:${(0x10 + i).toString(16)}` as Mac;
  reserved.set(address, mac);
  reservations.set(mac, address);
}
export const reservedMacs = [...reservations.keys()];

export const policy: DhcpPolicy = {
  refusal: () => undefined,
  reservation: (mac) => {
    const address = reservations.get(mac);
    return address === undefined ? undefined : { address, hostName: "node" };
  },
  reservedFor: (address) => reserved.get(address),
  bootFile: ({ ipxe, architectures: [arch] }) =>
    ipxe
      ? { file: "http://10.0.96.10:8080/boot/ipxe/boot.ipxe" }
      : arch === undefined
        ? { none: "no architecture" }
        : { file: `${"x".repeat(arch % 200)}.efi` },
  heardRequest: () => undefined,
};

interface Held {
  readonly mac: Mac;
  readonly untilMs: number;
}

export interface Problem {
  readonly what: string;
  /** Whose answer was wrong, where it was one machine's. */
  readonly mac?: Mac;
}

export interface Witness {
  /** What is wrong with what a batch brought; empty when all is right. */
  judge(
    requests: readonly Request[],
    answers: readonly Answer[],
    events: readonly DhcpEvent[],
    nowMs: number,
  ): Problem[];
}

/** `journal` is looked into for what would survive a restart. */
export function createWitness(journal: MemoryLeaseJournal): Witness {
  const held = new Map<Ipv4, Held>();
  const lastOf = new Map<Mac, Ipv4>();
  return {
    judge(requests, answers, events, nowMs) {
      const problems: Problem[] = [];
      for (const event of events)
        for (const what of wrongEvent(event, held, nowMs))
          problems.push({ what, ...(event.client && { mac: event.client.mac }) });
      const givenBack = new Set(
        events
          .filter(({ kind }) => kind === "dhcp-released" || kind === "dhcp-declined")
          .map(({ address }) => address),
      );
      for (const answer of answers) {
        const read = readAnswer(answer);
        if (typeof read === "string") problems.push({ what: read });
        else
          for (const what of wrongAnswer(read, answer, answers, requests, givenBack, nowMs))
            problems.push({ what, mac: read.mac });
      }
      for (const address of givenBack) if (address !== undefined) held.delete(address);
      return problems;
    },
  };

  function wrongAnswer(
    read: Read,
    answer: Answer,
    answers: readonly Answer[],
    requests: readonly Request[],
    givenBack: ReadonlySet<Ipv4 | undefined>,
    nowMs: number,
  ): string[] {
    const wrong = [...misdirected(answer, requests), ...misgiven(read, held, givenBack, nowMs)];
    const { type, yiaddr, mac, leaseSeconds = 0 } = read;
    if (type !== messageTypes.ACK || yiaddr === anyAddress) return wrong;
    // A machine that takes an address gives up the one it had.
    const former = lastOf.get(mac);
    if (former !== undefined && held.get(former)?.mac === mac) held.delete(former);
    lastOf.set(mac, yiaddr);
    held.set(yiaddr, { mac, untilMs: nowMs + leaseSeconds * 1000 });
    // What it had is forgotten where it takes another one in the same batch.
    const movedOn = answers.findLast((other) => isLeaseOf(other, mac)) !== answer;
    return movedOn ? wrong : [...wrong, ...undurable(read, journal, nowMs)];
  }
}

function wrongEvent(
  { kind, reason = "", address = anyAddress }: DhcpEvent,
  held: ReadonlyMap<Ipv4, Held>,
  nowMs: number,
): string[] {
  if (reason.startsWith("it could not be answered")) return [reason];
  const holder = held.get(address);
  const lost = kind === "dhcp-conflict" && holder !== undefined && holder.untilMs > nowMs;
  return lost ? [`${address} was set aside, and is leased to ${holder.mac}`] : [];
}

interface Read {
  readonly packet: Packet;
  readonly type: number;
  readonly mac: Mac;
  readonly yiaddr: Ipv4;
  readonly leaseSeconds: number | undefined;
}

function readAnswer({ datagram }: Answer): Read | string {
  if (datagram.length > 1472) return `an answer of ${datagram.length} octets`;
  const packet = decodePacket(datagram);
  if ("malformed" in packet) return `an answer that can't be read: ${packet.malformed}`;
  const type = readU8(packet.options, option.messageType);
  const server = readAddress(packet.options, option.serverId);
  const mac = macFromBytes(packet.chaddr);
  if (typeof type !== "number" || mac === undefined || packet.op !== 2)
    return "an answer of no kind";
  if (server === undefined || isMalformed(server)) return "an answer without a server";
  const leaseSeconds = packet.options.get(option.leaseTime)?.readUInt32BE();
  return { packet, type, mac, yiaddr: packet.yiaddr, leaseSeconds };
}

function isLeaseOf(answer: Answer, mac: Mac): boolean {
  const read = readAnswer(answer);
  if (typeof read === "string") return false;
  return read.mac === mac && read.type === messageTypes.ACK && read.yiaddr !== anyAddress;
}

function misdirected({ address, port, toPort }: Answer, requests: readonly Request[]): string[] {
  const toSender = port === "pxe" && requests.some(({ source }) => source.address === address);
  const known =
    address === broadcastAddress ||
    config.relays.includes(address) ||
    config.subnets.some(({ cidr }) => cidrContains(cidr, address)) ||
    toSender;
  const rightPort = port === "pxe" || toPort === 67 || toPort === 68;
  return known && rightPort ? [] : [`an answer to ${address}:${toPort}`];
}

function misgiven(
  { type, mac, yiaddr, packet }: Read,
  held: ReadonlyMap<Ipv4, Held>,
  givenBack: ReadonlySet<Ipv4 | undefined>,
  nowMs: number,
): string[] {
  if (yiaddr === anyAddress) return [];
  if (type === messageTypes.NAK) return [`a NAK with the address ${yiaddr}`];
  const owner = reserved.get(yiaddr);
  if (owner !== undefined && owner !== mac) return [`${yiaddr}, reserved for ${owner}, to ${mac}`];
  if (owner === undefined && !isPoolAddress(yiaddr)) return [`${yiaddr} is in no pool`];
  const holder = held.get(yiaddr);
  const taken = holder !== undefined && holder.mac !== mac && holder.untilMs > nowMs;
  if (taken && !givenBack.has(yiaddr)) return [`${yiaddr}, held by ${holder.mac}, to ${mac}`];
  return packet.options.has(option.leaseTime) ? [] : [`${yiaddr} without a lease time`];
}

function isPoolAddress(address: Ipv4): boolean {
  const value = ipv4ToNumber(address);
  return config.subnets.some(
    ({ mode, pools }) =>
      mode === "authoritative" &&
      pools.some(({ start, end }) => value >= ipv4ToNumber(start) && value <= ipv4ToNumber(end)),
  );
}

/** An ACK of a pool address whose lease would not survive a restart. */
function undurable(
  { mac, yiaddr, leaseSeconds = 0 }: Read,
  journal: MemoryLeaseJournal,
  nowMs: number,
): string[] {
  if (reserved.get(yiaddr) === mac) return [];
  const row = journal.rows.get(yiaddr);
  // It may have been given back in the same batch.
  const kept =
    row?.mac === mac && (row.state !== "bound" || row.expiresAtMs >= nowMs + leaseSeconds * 1000);
  return kept ? [] : [`${yiaddr} was acknowledged to ${mac}, and is not on disk`];
}
