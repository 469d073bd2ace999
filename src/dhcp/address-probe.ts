// Asks the network whether anybody uses an address: by ARP (RFC 5227 §2.1.1) on an attached network, by an ICMP echo
// elsewhere or where raw sockets are not allowed. It only reports answers; what silence means is decided in conflict-probes.ts.

import { type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import {
  afInet,
  type Libc,
  msgDontWait,
  sockCloexec,
  sockDgram,
  socketAddress,
} from "../net/libc.ts";
import { type Mac, macToBytes } from "../net/mac.ts";

export interface ProbeInterface {
  readonly index: number;
  readonly mac: Mac;
}

export interface AddressProbe {
  /** Asks once. `attached` is the interface the address's network is on; undefined when that is behind a router. */
  ask(address: Ipv4, attached: ProbeInterface | undefined): void;
  /** Who has answered since the last call, in any order and possibly twice. */
  answered(): Ipv4[];
  /** What can't be asked for want of a right, as a sentence; undefined when all can. */
  readonly limits: string | undefined;
  close(): void;
}

// Linux: bits/socket.h, linux/if_ether.h, linux/in.h.
const afPacket = 17;
const sockRaw = 3;
const ethPArp = 0x0806;
const ipprotoIcmp = 1;

const arpRequest = 1;
const arpBytes = 28;
const echoRequest = 8;
const echoReply = 0;
const maxReads = 512;

/** Opens what this process may open; never throws. */
export function openAddressProbe(libc: Libc): AddressProbe {
  const arp = libc.socket(afPacket, sockDgram | sockCloexec, swapped(ethPArp));
  const ping = openPing(libc);
  const fds = [arp, ping.fd].filter((fd) => fd >= 0);
  return {
    ask(address, attached) {
      if (attached !== undefined && arp >= 0) askByArp(libc, arp, address, attached);
      else if (ping.fd >= 0) askByEcho(libc, ping.fd, address);
    },
    answered: () => [
      ...(arp < 0 ? [] : readArp(libc, arp)),
      ...(ping.fd < 0 ? [] : readEchoes(libc, ping)),
    ],
    limits: limitsOf(arp >= 0, ping.fd >= 0),
    close() {
      for (const fd of fds) libc.close(fd);
    },
  };
}

function limitsOf(arp: boolean, ping: boolean): string | undefined {
  if (arp && ping) return undefined;
  if (arp)
    return "addresses behind relays are offered without a probe: allow it the net.ipv4.ping_group_range";
  if (ping)
    return "addresses are probed by ping alone, which firewalls drop: give the process CAP_NET_RAW";
  return "addresses are offered without a probe: give the process CAP_NET_RAW";
}

// A ping socket needs no right where net.ipv4.ping_group_range allows it; a raw one needs CAP_NET_RAW.
function openPing(libc: Libc): { readonly fd: number; readonly headerBytes: number } {
  const fd = libc.socket(afInet, sockDgram | sockCloexec, ipprotoIcmp);
  if (fd >= 0) return { fd, headerBytes: 0 };
  return { fd: libc.socket(afInet, sockRaw | sockCloexec, ipprotoIcmp), headerBytes: 20 };
}

// RFC 826: hardware and protocol type, their lengths, operation, sender's and target's addresses. The sender's protocol
// address is zero, so that nobody learns from a question (RFC 5227 §1.1).
function askByArp(libc: Libc, fd: number, address: Ipv4, { index, mac }: ProbeInterface): void {
  const frame = Buffer.alloc(arpBytes);
  frame.writeUInt16BE(1, 0);
  frame.writeUInt16BE(0x0800, 2);
  frame.writeUInt8(6, 4);
  frame.writeUInt8(4, 5);
  frame.writeUInt16BE(arpRequest, 6);
  macToBytes(mac).copy(frame, 8);
  frame.writeUInt32BE(ipv4ToNumber(address), 24);
  // struct sockaddr_ll, to the broadcast address.
  const to = Buffer.alloc(20);
  to.writeUInt16LE(afPacket, 0);
  to.writeUInt16BE(ethPArp, 2);
  to.writeInt32LE(index, 4);
  to.writeUInt8(6, 11);
  to.fill(0xff, 12, 18);
  libc.sendto(fd, frame, frame.length, 0, to, to.length);
}

/** Every sender of an ARP packet uses the address it names as its own. */
function readArp(libc: Libc, fd: number): Ipv4[] {
  const senders: Ipv4[] = [];
  readEach(libc, fd, (frame) => {
    if (frame.length < arpBytes) return;
    const sender = frame.readUInt32BE(14);
    if (sender !== 0) senders.push(ipv4FromNumber(sender));
  });
  return senders;
}

function askByEcho(libc: Libc, fd: number, address: Ipv4): void {
  // RFC 792. The sum of a message that is zero but for its type is the complement of its first word.
  const message = Buffer.alloc(8);
  message.writeUInt8(echoRequest, 0);
  message.writeUInt16BE(~(echoRequest << 8) & 0xffff, 2);
  const to = socketAddress(address, 0);
  libc.sendto(fd, message, message.length, 0, to, to.length);
}

function readEchoes(
  libc: Libc,
  { fd, headerBytes }: { readonly fd: number; readonly headerBytes: number },
): Ipv4[] {
  const senders: Ipv4[] = [];
  readEach(libc, fd, (message, from) => {
    if (message[headerBytes] === echoReply) senders.push(ipv4FromNumber(from.readUInt32BE(4)));
  });
  return senders;
}

function readEach(libc: Libc, fd: number, read: (data: Buffer, from: Buffer) => void): void {
  const data = Buffer.alloc(256);
  const from = Buffer.alloc(32);
  const fromLength = Buffer.alloc(4);
  for (let i = 0; i < maxReads; i++) {
    fromLength.writeUInt32LE(from.length);
    const length = Number(libc.recvfrom(fd, data, data.length, msgDontWait, from, fromLength));
    if (length <= 0) return;
    read(data.subarray(0, length), from);
  }
}

function swapped(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}
