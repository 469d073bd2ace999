// A UDP socket on one interface that reads and writes many datagrams in one system call.

import { anyAddress, type Ipv4, ipv4FromNumber, ipv4ToNumber } from "../net/ipv4.ts";
import {
  afInet,
  type Libc,
  msgDontWait,
  sockCloexec,
  sockDgram,
  socketAddress,
} from "../net/libc.ts";

export interface Received {
  /** Valid until the next call of `receive`. */
  readonly datagram: Buffer;
  readonly address: Ipv4;
  readonly port: number;
}

export interface Outgoing {
  readonly datagram: Buffer;
  readonly address: Ipv4;
  readonly port: number;
}

export interface UdpSocket {
  readonly fd: number;
  /** What has arrived, at most a batch; never waits. Datagrams longer than 2 KiB are left out. */
  receive(): Received[];
  /** Sends all; `onFailure` hears of each one that the system refuses. */
  send(datagrams: readonly Outgoing[], onFailure: (to: Ipv4, error: string) => void): void;
  close(): void;
}

// Linux: asm-generic/socket.h, linux/in.h.
const solSocket = 1;
const soReuseAddr = 2;
const soBroadcast = 6;
const soRcvbuf = 8;
const soBindToDevice = 25;
const soRcvbufForce = 33;
const ipPktinfo = 8;
const msgTrunc = 0x20;

// DHCP messages are limited by the Ethernet frame in practice; the field's own limit is 64 KiB.
const slotBytes = 2048;
const nameBytes = 16;
const iovBytes = 16;
const messageBytes = 64;
// A burst while a commit waits for the disk is kept here and not lost.
const receiveBufferBytes = 4 * 1024 * 1024;

/**
 * Opens a socket bound to 0.0.0.0:`port` and to `device` before it can hear anything; answers leave from `source`.
 * Unless `shared`, nobody else on this host may have the port: a second DHCP server is found out here. Throws when the
 * system refuses.
 */
export function openUdpSocket(
  libc: Libc,
  where: {
    readonly device: string;
    readonly port: number;
    readonly source: Ipv4;
    /** The most datagrams for one system call. */
    readonly batch: number;
    readonly shared?: boolean;
  },
): UdpSocket {
  const { device, port, source, batch, shared = false } = where;
  const fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
  if (fd < 0) throw new Error(`no UDP socket: ${libc.lastError()}`);
  const name = Buffer.from(`${device}\0`, "latin1");
  if (shared) setFlag(libc, fd, soReuseAddr);
  const failure =
    libc.setsockopt(fd, solSocket, soBindToDevice, name, name.length) < 0
      ? `cannot bind to interface ${device}: ${explain(libc.lastError())}`
      : libc.bind(fd, socketAddress(anyAddress, port), nameBytes) < 0
        ? `cannot bind 0.0.0.0:${port} on ${device}: ${explain(libc.lastError())}`
        : undefined;
  if (failure === undefined) return adoptUdpSocket(libc, fd, source, batch);
  libc.close(fd);
  throw new Error(failure);
}

function explain(error: string): string {
  // Linux before 5.7 binds a socket to a device for CAP_NET_RAW alone.
  if (error === "EPERM") return `${error}: give the process CAP_NET_RAW`;
  if (error === "EACCES") return `${error}: give the process CAP_NET_BIND_SERVICE`;
  if (error === "EADDRINUSE") return `${error}: stop the program that has it`;
  return error;
}

/** Uses a socket that somebody else has bound; answers leave from `source`. */
export function adoptUdpSocket(libc: Libc, fd: number, source: Ipv4, batch: number): UdpSocket {
  setFlag(libc, fd, soBroadcast);
  const size = Buffer.alloc(4);
  size.writeInt32LE(receiveBufferBytes);
  // The second is for those who may not exceed the system's limit.
  if (libc.setsockopt(fd, solSocket, soRcvbufForce, size, size.length) < 0)
    libc.setsockopt(fd, solSocket, soRcvbuf, size, size.length);
  const incoming = slots(libc, batch);
  const outgoing = envelopes(libc, batch, source);
  return {
    fd,
    receive: () => receive(libc, fd, incoming),
    send: (datagrams, onFailure) => {
      for (let at = 0; at < datagrams.length; at += batch)
        sendBatch(libc, fd, outgoing, datagrams.slice(at, at + batch), onFailure);
    },
    close: () => {
      libc.close(fd);
    },
  };
}

/** The interface a socket is bound to; empty when it is bound to none. */
export function deviceOf(libc: Libc, fd: number): string {
  const name = Buffer.alloc(16);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  if (libc.getsockopt(fd, solSocket, soBindToDevice, name, length) < 0) return "";
  const end = name.indexOf(0);
  return name.toString("latin1", 0, end === -1 ? name.length : end);
}

function setFlag(libc: Libc, fd: number, flag: number): void {
  libc.setsockopt(fd, solSocket, flag, Buffer.of(1, 0, 0, 0), 4);
}

// struct mmsghdr: name, name length, iovec, iovec count, control, control length, flags, and the octets received.
//   0 name*   8 namelen   16 iov*   24 iovlen   32 control*   40 controllen   48 flags   56 len   64
interface Messages {
  readonly count: number;
  readonly data: Buffer;
  readonly names: Buffer;
  readonly iovecs: Buffer;
  readonly headers: Buffer;
  /** Kept because the headers point to it. */
  readonly control: Buffer;
}

function messages(libc: Libc, count: number): Messages {
  const made: Messages = {
    count,
    data: Buffer.alloc(count * slotBytes),
    names: Buffer.alloc(count * nameBytes),
    iovecs: Buffer.alloc(count * iovBytes),
    headers: Buffer.alloc(count * messageBytes),
    control: Buffer.alloc(32),
  };
  const names = libc.address(made.names);
  const iovecs = libc.address(made.iovecs);
  for (let i = 0; i < count; i++) {
    const at = i * messageBytes;
    made.headers.writeBigUInt64LE(names + BigInt(i * nameBytes), at);
    made.headers.writeUInt32LE(nameBytes, at + 8);
    made.headers.writeBigUInt64LE(iovecs + BigInt(i * iovBytes), at + 16);
    made.headers.writeBigUInt64LE(1n, at + 24);
  }
  return made;
}

function slots(libc: Libc, count: number): Messages {
  const made = messages(libc, count);
  const data = libc.address(made.data);
  for (let i = 0; i < count; i++) {
    made.iovecs.writeBigUInt64LE(data + BigInt(i * slotBytes), i * iovBytes);
    made.iovecs.writeBigUInt64LE(BigInt(slotBytes), i * iovBytes + 8);
  }
  return made;
}

/** Messages whose control part names the source address: an interface may have several (ip(7), IP_PKTINFO). */
function envelopes(libc: Libc, count: number, source: Ipv4): Messages {
  const made = messages(libc, count);
  const { control } = made;
  control.writeBigUInt64LE(28n, 0);
  control.writeInt32LE(ipPktinfo, 12);
  control.writeUInt32BE(ipv4ToNumber(source), 20);
  const address = libc.address(control);
  const data = libc.address(made.data);
  for (let i = 0; i < count; i++) {
    made.headers.writeBigUInt64LE(address, i * messageBytes + 32);
    made.headers.writeBigUInt64LE(BigInt(control.length), i * messageBytes + 40);
    made.iovecs.writeBigUInt64LE(data + BigInt(i * slotBytes), i * iovBytes);
  }
  return made;
}

function receive(libc: Libc, fd: number, slot: Messages): Received[] {
  const count = libc.recvmmsg(fd, slot.headers, slot.count, msgDontWait, null);
  const received: Received[] = [];
  for (let i = 0; i < count; i++) {
    const header = i * messageBytes;
    const name = i * nameBytes;
    const truncated = (slot.headers.readInt32LE(header + 48) & msgTrunc) !== 0;
    const length = slot.headers.readUInt32LE(header + 56);
    // The kernel has shortened it to the sender's address.
    slot.headers.writeUInt32LE(nameBytes, header + 8);
    if (truncated) continue;
    received.push({
      datagram: slot.data.subarray(i * slotBytes, i * slotBytes + length),
      address: ipv4FromNumber(slot.names.readUInt32BE(name + 4)),
      port: slot.names.readUInt16BE(name + 2),
    });
  }
  return received;
}

function sendBatch(
  libc: Libc,
  fd: number,
  envelope: Messages,
  datagrams: readonly Outgoing[],
  onFailure: (to: Ipv4, error: string) => void,
): void {
  for (const [i, { datagram, address, port }] of datagrams.entries()) {
    const length = datagram.copy(envelope.data, i * slotBytes, 0, slotBytes);
    envelope.iovecs.writeUInt32LE(length, i * iovBytes + 8);
    const name = i * nameBytes;
    envelope.names.writeUInt16LE(afInet, name);
    envelope.names.writeUInt16BE(port, name + 2);
    envelope.names.writeUInt32BE(ipv4ToNumber(address), name + 4);
  }
  for (let at = 0; at < datagrams.length; ) {
    const headers = envelope.headers.subarray(at * messageBytes);
    const sent = libc.sendmmsg(fd, headers, datagrams.length - at, 0);
    if (sent > 0) at += sent;
    else {
      // The first of the rest was refused; the others may still go.
      onFailure(datagrams[at]?.address ?? anyAddress, libc.lastError());
      at += 1;
    }
  }
}
