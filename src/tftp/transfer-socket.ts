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

/** A datagram, valid until the next one is received on any socket; `stranger` is its sender when that is not the peer. */
interface Received {
  readonly datagram: Buffer;
  readonly stranger: Buffer | undefined;
}

// Linux: linux/udp.h. Generic segmentation offload: a send of many equal datagrams, of which the last may be shorter.
const solUdp = 17;
const udpSegment = 103;
const maxSegments = 64;
// 65535 less the headers of IP and UDP.
const maxPayloadBytes = 65_507;
const addressBytes = 16;
const noRoom: readonly string[] = ["EAGAIN", "ENOBUFS"];

// What a reading client sends is short: an ACK or an ERROR.
const incoming = Buffer.alloc(2048);
const outgoing = Buffer.alloc(maxPayloadBytes);
const sender = Buffer.alloc(addressBytes);
const senderLength = Buffer.alloc(4);

export class TransferSocket {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #peer: Buffer;
  #segmentation: "untried" | "on" | "off" = "untried";

  /** Binds a port that the system chooses, on `source`. Throws when it refuses. */
  constructor(libc: Libc, source: Ipv4, peer: { readonly address: Ipv4; readonly port: number }) {
    this.#libc = libc;
    this.#peer = socketAddress(peer.address, peer.port);
    this.fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
    if (this.fd < 0) throw new Error(`no UDP socket: ${libc.lastError()}`);
    if (libc.bind(this.fd, socketAddress(source, 0), addressBytes) === 0) return;
    const reason = libc.lastError();
    this.close();
    throw new Error(`cannot bind a port on ${source}: ${reason}`);
  }

  /** What has arrived first; never waits. */
  receive(): Received | undefined {
    senderLength.writeUInt32LE(addressBytes);
    const { fd } = this;
    const length = this.#libc.recvfrom(
      ...([fd, incoming, incoming.length, msgDontWait, sender, senderLength] as const),
    );
    if (length < 0) return undefined;
    // struct sockaddr_in: the port and the address are the six octets behind the family.
    const isPeer = sender.compare(this.#peer, 2, 8, 2, 8) === 0;
    const stranger = isPeer ? undefined : Buffer.from(sender);
    return { datagram: incoming.subarray(0, length), stranger };
  }

  /**
   * Sends all of them to the peer: one, or a window, in which all but the last are of the same length. Never waits, and what
   * the system has no room for is lost as on the wire; returns why it refused one for another reason.
   */
  send(datagrams: readonly Datagram[]): string | undefined {
    if (datagrams.length > 1 && this.#sendSegmented(datagrams)) return undefined;
    let complaint: string | undefined;
    this.#dontSegment();
    for (const datagram of datagrams) {
      if (this.#sendOnce([datagram], this.#peer)) continue;
      const error = this.#libc.lastError();
      if (!noRoom.includes(error)) complaint = error;
    }
    return complaint;
  }

  sendToStranger(datagram: Buffer, stranger: Buffer): void {
    this.#dontSegment();
    this.#sendOnce([[datagram]], stranger);
  }

  close(): void {
    this.#libc.close(this.fd);
  }

  /** False when the datagrams have to be sent one by one: the blocks don't fit into a frame, or the system can't. */
  #sendSegmented(datagrams: readonly Datagram[]): boolean {
    const bytes = (datagrams[0] ?? []).reduce((sum, { length }) => sum + length, 0);
    const most = Math.min(maxSegments, Math.floor(maxPayloadBytes / bytes));
    if (this.#segmentation === "untried")
      this.#segmentation = most > 1 && this.#setSegment(bytes) ? "on" : "off";
    if (this.#segmentation === "off") return false;
    for (let at = 0; at < datagrams.length; at += most) {
      if (this.#sendOnce(datagrams.slice(at, at + most), this.#peer)) continue;
      if (noRoom.includes(this.#libc.lastError())) continue;
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

  #sendOnce(datagrams: readonly Datagram[], to: Buffer): boolean {
    let length = 0;
    for (const parts of datagrams) for (const part of parts) length += part.copy(outgoing, length);
    return this.#libc.sendto(this.fd, outgoing, length, msgDontWait, to, addressBytes) >= 0;
  }
}
