// Raw Ethernet frames in a network namespace: the suite plays any number of machines and relays, each with its
// own MAC and address, and sees where every reply was sent. Nothing of this uses the kernel's IP stack.

import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { addressBytes, addressText } from "./message.ts";

export interface Datagram {
  readonly etherSource: string;
  readonly etherDestination: string;
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly port: number;
  readonly payload: Buffer;
}

export interface Link {
  send(datagram: Datagram): void;
  close(): void;
}

const libc = koffi.load(null);
const setns = libc.func("int setns(int fd, int type)");
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, uint length)");
const sendBytes = libc.func("int64 send(int fd, const void *bytes, size_t length, int flags)");
const receive = libc.func("int64 recv(int fd, _Out_ void *bytes, size_t length, int flags)");
const interfaceIndex = libc.func("uint if_nametoindex(const char *name)");
const setOption = libc.func(
  "int setsockopt(int fd, int level, int name, const void *value, uint length)",
);

const packetFamily = 17;
const rawType = 3;
const allProtocols = 0x0003;
const newNetwork = 0x40000000;
const dontWait = 0x40;
const pollMs = 1;

const macBytes = (mac: string) => Buffer.from(mac.replaceAll(":", ""), "hex");
const macText = (bytes: Buffer) => bytes.toString("hex").replace(/..(?=.)/g, "$&:");

/** Runs `act` with this thread in another network namespace. A socket made there stays there. */
function within<T>(namespace: string, act: () => T): T {
  const home = openSync("/proc/thread-self/ns/net", "r");
  const there = openSync(`/run/netns/${namespace}`, "r");
  try {
    if (setns(there, newNetwork) !== 0) throw new Error(`cannot enter namespace ${namespace}`);
    return act();
  } finally {
    // It cannot fail: `home` is open and this thread was in it a moment ago.
    setns(home, newNetwork);
    closeSync(there);
    closeSync(home);
  }
}

function openRaw(name: string): number {
  const index = interfaceIndex(name);
  if (index === 0) throw new Error(`there is no interface ${name}`);
  const fd = socket(packetFamily, rawType, 0);
  if (fd < 0) throw new Error("cannot open a packet socket: run as root");
  // SO_RCVBUF: a burst of a few hundred replies must not be lost here.
  setOption(fd, 1, 8, Buffer.from(new Int32Array([4 << 20]).buffer), 4);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(packetFamily, 0);
  address.writeUInt16BE(allProtocols, 2);
  address.writeInt32LE(index, 4);
  if (bind(fd, address, address.length) !== 0) throw new Error(`cannot bind to ${name}`);
  return fd;
}

function checksum(...parts: readonly Buffer[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function encodeFrame(datagram: Datagram): Buffer {
  const source = addressBytes(datagram.source);
  const destination = addressBytes(datagram.destination);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(datagram.sourcePort, 0);
  udp.writeUInt16BE(datagram.port, 2);
  udp.writeUInt16BE(8 + datagram.payload.length, 4);
  const pseudo = Buffer.from([0, 17, ...udp.subarray(4, 6)]);
  udp.writeUInt16BE(checksum(source, destination, pseudo, udp, datagram.payload) || 0xffff, 6);
  const ip = Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, ...source, ...destination]);
  ip.writeUInt16BE(28 + datagram.payload.length, 2);
  ip.writeUInt16BE(checksum(ip), 10);
  const ether = [macBytes(datagram.etherDestination), macBytes(datagram.etherSource)];
  return Buffer.concat([...ether, Buffer.from([8, 0]), ip, udp, datagram.payload]);
}

function decodeFrame(frame: Buffer): Datagram | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 17) return undefined;
  const udpAt = 14 + (frame.readUInt8(14) & 15) * 4;
  return {
    etherDestination: macText(frame.subarray(0, 6)),
    etherSource: macText(frame.subarray(6, 12)),
    source: addressText(frame.subarray(26, 30)),
    destination: addressText(frame.subarray(30, 34)),
    sourcePort: frame.readUInt16BE(udpAt),
    port: frame.readUInt16BE(udpAt + 2),
    payload: frame.subarray(udpAt + 8, udpAt + frame.readUInt16BE(udpAt + 4)),
  };
}

/** The ARP answer to a frame that asks for one of `owners`' addresses (RFC 826). */
function arpAnswer(frame: Buffer, owners: ReadonlyMap<string, string>): Buffer | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== 0x0806 || frame.readUInt16BE(20) !== 1)
    return undefined;
  const owner = owners.get(addressText(frame.subarray(38, 42)));
  if (owner === undefined) return undefined;
  const asker = frame.subarray(22, 32);
  const head = Buffer.from([8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
  const own = [macBytes(owner), frame.subarray(38, 42)];
  return Buffer.concat([frame.subarray(6, 12), macBytes(owner), head, ...own, asker]);
}

/**
 * Opens an interface of a namespace. `heard` gets every UDP datagram that others sent. An address that was once
 * sent from is from then on answered for when somebody asks for it by ARP, as a real machine would.
 */
export function openLink(namespace: string, name: string, heard: (d: Datagram) => void): Link {
  const fd = within(namespace, () => openRaw(name));
  const owners = new Map<string, string>();
  const buffer = Buffer.alloc(65536);
  const transmit = (frame: Buffer) => void sendBytes(fd, frame, frame.length, 0);
  const drain = () => {
    for (let count = 0; count < 4096; count += 1) {
      const length = Number(receive(fd, buffer, buffer.length, dontWait));
      if (length <= 0) return;
      const frame = Buffer.from(buffer.subarray(0, length));
      const answer = arpAnswer(frame, owners);
      if (answer !== undefined) transmit(answer);
      const datagram = decodeFrame(frame);
      if (datagram !== undefined) heard(datagram);
    }
  };
  const timer = setInterval(drain, pollMs);
  return {
    send: (datagram) => {
      if (datagram.source !== "0.0.0.0") owners.set(datagram.source, datagram.etherSource);
      transmit(encodeFrame(datagram));
    },
    close: () => {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}
