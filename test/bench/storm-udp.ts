// One UDP socket for all machines of the storm: each datagram leaves from the address of its machine, and a turn's datagrams leave
// and arrive in one system call. Shares no code with the server it measures but the C library's names.

import { anyAddress, type Ipv4, ipv4ToNumber } from "../../src/net/ipv4.ts";
import {
  afInet,
  type Libc,
  msgDontWait,
  sockCloexec,
  sockDgram,
  socketAddress,
} from "../../src/net/libc.ts";
import type { Loop } from "./storm-loop.ts";

/** A datagram from the server; valid during the call. */
export interface Arrived {
  /** The machine's address, as a number. */
  readonly to: number;
  /** The server's port. */
  readonly fromPort: number;
  readonly datagram: Buffer;
}

export interface StormSocket {
  /** Sends from the machine's address to a port of the server, in this turn of the loop. */
  send(from: number, toPort: number, datagram: Buffer): void;
}

const batch = 256;
const slotBytes = 2048;
const nameBytes = 16;
const iovecBytes = 16;
const headerBytes = 64;
const controlBytes = 32;
const solSocket = 1;
const soRcvbufForce = 33;
const ipPktinfo = 8;
const receiveBufferBytes = 16 * 1024 * 1024;

// struct mmsghdr: 0 name*, 8 namelen, 16 iov*, 24 iovlen, 32 control*, 40 controllen, 48 flags, 56 len; 64 in all.
// Its control part: 0 length (28), 8 level (0), 12 type (IP_PKTINFO), 16 interface, 20 local address, 24 destination.
function messages(libc: Libc) {
  const made = {
    data: Buffer.alloc(batch * slotBytes),
    names: Buffer.alloc(batch * nameBytes),
    iovecs: Buffer.alloc(batch * iovecBytes),
    controls: Buffer.alloc(batch * controlBytes),
    headers: Buffer.alloc(batch * headerBytes),
  };
  const at = (buffer: Buffer, offset: number) => libc.address(buffer) + BigInt(offset);
  for (let i = 0; i < batch; i++) {
    made.iovecs.writeBigUInt64LE(at(made.data, i * slotBytes), i * iovecBytes);
    made.iovecs.writeUInt32LE(slotBytes, i * iovecBytes + 8);
    made.controls.writeUInt32LE(28, i * controlBytes);
    made.controls.writeInt32LE(ipPktinfo, i * controlBytes + 12);
    const header = i * headerBytes;
    made.headers.writeBigUInt64LE(at(made.names, i * nameBytes), header);
    made.headers.writeUInt32LE(nameBytes, header + 8);
    made.headers.writeBigUInt64LE(at(made.iovecs, i * iovecBytes), header + 16);
    made.headers.writeUInt32LE(1, header + 24);
    made.headers.writeBigUInt64LE(at(made.controls, i * controlBytes), header + 32);
    made.headers.writeUInt32LE(controlBytes, header + 40);
  }
  return made;
}

/** `port` is the machines' own, 0 for one that the system chooses. Throws when the system refuses. */
export function openStormSocket(
  { libc, loop, server }: { readonly libc: Libc; readonly loop: Loop; readonly server: Ipv4 },
  port: number,
  onArrived: (arrived: Arrived) => void,
): StormSocket {
  const fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
  const size = Buffer.alloc(4);
  size.writeInt32LE(receiveBufferBytes);
  const failed =
    libc.setsockopt(fd, solSocket, soRcvbufForce, size, 4) < 0 ||
    libc.setsockopt(fd, 0, ipPktinfo, Buffer.of(1, 0, 0, 0), 4) < 0 ||
    libc.bind(fd, socketAddress(anyAddress, port), nameBytes) < 0;
  if (failed) throw new Error(`UDP port ${port}: ${libc.lastError()}`);
  loop.watch(fd, createReceive(libc, fd, onArrived));
  const sender = createSender(libc, fd, server);
  loop.beforeWait(sender.flush);
  return sender;
}

function createReceive(libc: Libc, fd: number, onArrived: (arrived: Arrived) => void) {
  // Held whole: the headers point to the buffers that are not named below.
  const slots = messages(libc);
  return () => {
    for (;;) {
      const count = libc.recvmmsg(fd, slots.headers, batch, msgDontWait, null);
      for (let i = 0; i < count; i++) {
        const length = slots.headers.readUInt32LE(i * headerBytes + 56);
        onArrived({
          to: slots.controls.readUInt32BE(i * controlBytes + 24),
          fromPort: slots.names.readUInt16BE(i * nameBytes + 2),
          datagram: slots.data.subarray(i * slotBytes, i * slotBytes + length),
        });
        // The kernel has written how much of each it used.
        slots.headers.writeUInt32LE(nameBytes, i * headerBytes + 8);
        slots.headers.writeUInt32LE(controlBytes, i * headerBytes + 40);
      }
      if (count < batch) return;
    }
  };
}

function createSender(libc: Libc, fd: number, server: Ipv4) {
  const { data, names, iovecs, controls, headers } = messages(libc);
  let count = 0;
  for (let i = 0; i < batch; i++) {
    names.writeUInt16LE(afInet, i * nameBytes);
    names.writeUInt32BE(ipv4ToNumber(server), i * nameBytes + 4);
  }
  const flush = () => {
    for (let at = 0; at < count; ) {
      const sent = libc.sendmmsg(fd, headers.subarray(at * headerBytes), count - at, 0);
      // One that is refused is lost, as on the wire.
      at += Math.max(1, sent);
    }
    count = 0;
  };
  return {
    flush,
    send: (from: number, toPort: number, datagram: Buffer) => {
      if (count === batch) flush();
      const length = datagram.copy(data, count * slotBytes, 0, slotBytes);
      iovecs.writeUInt32LE(length, count * iovecBytes + 8);
      names.writeUInt16BE(toPort, count * nameBytes + 2);
      controls.writeUInt32BE(from, count * controlBytes + 20);
      count += 1;
    },
  };
}
