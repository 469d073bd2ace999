// The socket of one transfer: a port of its own, and one peer. A window leaves in one system call where the system can
// cut it into datagrams by itself.

import type { Ipv4 } from "../net/ipv4.ts";
import {
  afInet,
  type Libc,
  msgDontWait,
  sockCloexec,
  sockDgram,
  socketAddress,
} from "../net/libc.ts";
import type { Datagram } from "./packet.ts";

/** A datagram from somebody who is not the peer, valid until the next is received; `from` is a struct sockaddr_in. */
interface Strange {
  readonly datagram: Buffer;
  readonly from: Buffer;
}

// asm-generic/socket.h
const solSocket = 1;
const soReuseAddr = 2;
// Linux: linux/udp.h. Generic segmentation offload: a send of many equal datagrams, of which the last may be shorter.
const solUdp = 17;
const udpSegment = 103;
const maxSegments = 64;
// 65535 less the headers of IP and UDP.
const maxPayloadBytes = 65_507;
const addressBytes = 16;
// What was sent before has found the peer's port closed, for that moment or for good.
const refused = "ECONNREFUSED";
const lost: readonly string[] = ["EAGAIN", "ENOBUFS", refused];

// What a reading client sends is short: an ACK or an ERROR.
const incoming = Buffer.alloc(2048);
const outgoing = Buffer.alloc(maxPayloadBytes);
const sender = Buffer.alloc(addressBytes);
const senderLength = Buffer.alloc(4);
const yes = Buffer.of(1, 0, 0, 0);

export class TransferSocket {
  /** Hears the peer alone: connected, it spares the system the search for the way at each datagram. */
  readonly fd: number;
  /** Hears everybody else on the same port. */
  readonly #others: number;
  readonly #libc: Libc;
  #segmentation: "untried" | "on" | "off" = "untried";

  /** Binds a port that the system chooses, on `source`. Throws, saying why, when it refuses or knows no way to the peer. */
  constructor(libc: Libc, source: Ipv4, peer: { readonly address: Ipv4; readonly port: number }) {
    this.#libc = libc;
    this.fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
    if (this.fd < 0) throw new Error(`no UDP socket: ${libc.lastError()}`);
    this.#others = libc.socket(afInet, sockDgram | sockCloexec, 0);
    if (this.#bind(source) && this.#connect(peer)) return;
    const reason = libc.lastError();
    this.close();
    throw new Error(`no UDP port from ${source} to ${peer.address}: ${reason}`);
  }

  /** What has arrived first from the peer, valid until the next is received on any socket; never waits. */
  receive(): Buffer | undefined {
    const { fd } = this;
    const length = this.#libc.recvfrom(fd, incoming, incoming.length, msgDontWait, null, null);
    return length < 0 ? undefined : incoming.subarray(0, length);
  }

  /** The same of what came from somebody else. */
  receiveStrange(): Strange | undefined {
    senderLength.writeUInt32LE(addressBytes);
    const length = this.#libc.recvfrom(
      ...([this.#others, incoming, incoming.length, msgDontWait, sender, senderLength] as const),
    );
    return length < 0 ? undefined : { datagram: incoming.subarray(0, length), from: sender };
  }

  /**
   * Sends all of them to the peer: one, or a window, in which all but the last are of the same length. Never waits. What the
   * system has no room for, or the peer no open port, is lost as on the wire; returns why one was refused for another reason.
   */
  send(datagrams: readonly Datagram[]): string | undefined {
    if (datagrams.length > 1 && this.#sendSegmented(datagrams)) return undefined;
    let complaint: string | undefined;
    this.#dontSegment();
    for (const datagram of datagrams) {
      if (this.#sendOnce([datagram])) continue;
      const error = this.#libc.lastError();
      if (!lost.includes(error)) complaint = error;
    }
    return complaint;
  }

  sendToStranger(datagram: Buffer, stranger: Buffer): void {
    const { length } = datagram;
    this.#libc.sendto(this.#others, datagram, length, msgDontWait, stranger, addressBytes);
  }

  close(): void {
    this.#libc.close(this.fd);
    if (this.#others >= 0) this.#libc.close(this.#others);
  }

  /**
   * Binds both to a port that is free. Only then may they share it: to a socket that may share its port the system would
   * give that of another transfer.
   */
  #bind(source: Ipv4): boolean {
    const libc = this.#libc;
    const address = socketAddress(source, 0);
    if (this.#others < 0 || libc.bind(this.fd, address, addressBytes) < 0) return false;
    senderLength.writeUInt32LE(addressBytes);
    if (libc.getsockname(this.fd, address, senderLength) < 0) return false;
    for (const fd of [this.fd, this.#others])
      libc.setsockopt(fd, solSocket, soReuseAddr, yes, yes.length);
    return libc.bind(this.#others, address, addressBytes) === 0;
  }

  #connect({ address, port }: { readonly address: Ipv4; readonly port: number }): boolean {
    return this.#libc.connect(this.fd, socketAddress(address, port), addressBytes) === 0;
  }

  /** False when the datagrams have to be sent one by one: the blocks don't fit into a frame, or the system can't. */
  #sendSegmented(datagrams: readonly Datagram[]): boolean {
    const bytes = (datagrams[0] ?? []).reduce((sum, { length }) => sum + length, 0);
    const most = Math.min(maxSegments, Math.floor(maxPayloadBytes / bytes));
    if (this.#segmentation === "untried")
      this.#segmentation = most > 1 && this.#setSegment(bytes) ? "on" : "off";
    if (this.#segmentation === "off") return false;
    for (let at = 0; at < datagrams.length; at += most) {
      if (this.#sendOnce(datagrams.slice(at, at + most))) continue;
      if (lost.includes(this.#libc.lastError())) continue;
      this.#segmentation = "off";
      this.#setSegment(0);
      return false;
    }
    return true;
  }

  /** What is longer than a segment must not be cut up, such as an ERROR beside blocks of 8 octets. */
  #dontSegment(): void {
    if (this.#segmentation !== "on") return;
    this.#setSegment(0);
    this.#segmentation = "untried";
  }

  #setSegment(bytes: number): boolean {
    const value = Buffer.alloc(4);
    value.writeInt32LE(bytes);
    return this.#libc.setsockopt(this.fd, solUdp, udpSegment, value, value.length) === 0;
  }

  #sendOnce(datagrams: readonly Datagram[]): boolean {
    let length = 0;
    for (const parts of datagrams) for (const part of parts) length += part.copy(outgoing, length);
    return this.#send(length) || (this.#libc.lastError() === refused && this.#send(length));
  }

  #send(length: number): boolean {
    return this.#libc.sendto(this.fd, outgoing, length, msgDontWait, null, 0) >= 0;
  }
}
