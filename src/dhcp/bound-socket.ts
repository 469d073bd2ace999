// Makes a UDP socket that hears one interface only, which node:dgram cannot: the socket is made by libc and handed over as a
// file descriptor. On a host where libc cannot be called it says so and leaves the decision to the caller.

import { messageOf } from "../net/error-text.ts";

export type BoundSocket =
  | { readonly fd: number }
  /** libc could not be called at all. */
  | { readonly unavailable: string };

// Linux, asm-generic/socket.h and bits/socket.h.
const afInet = 2;
const sockDgram = 2;
const sockCloexec = 0o2000000;
const solSocket = 1;
const soBindToDevice = 25;

/**
 * A datagram socket bound to 0.0.0.0:`port` and to `device` before it can hear anything. Address reuse is off while it
 * binds, so a second DHCP server on this host is found out here. Throws when the system refuses.
 */
export async function openBoundSocket(device: string, port: number): Promise<BoundSocket> {
  let libc: Libc;
  try {
    libc = await loadLibc();
  } catch (error) {
    return { unavailable: messageOf(error) };
  }
  const fd = libc.socket(afInet, sockDgram | sockCloexec, 0);
  if (fd < 0) throw new Error(`no UDP socket: ${libc.lastError()}`);
  const name = Buffer.from(`${device}\0`, "latin1");
  const failure =
    libc.setsockopt(fd, solSocket, soBindToDevice, name, name.length) < 0
      ? `cannot bind to interface ${device}: ${libc.lastError()}`
      : libc.bind(fd, anyAddressAt(port), 16) < 0
        ? `cannot bind 0.0.0.0:${port} on ${device}: ${libc.lastError()}`
        : undefined;
  if (failure === undefined) return { fd };
  libc.close(fd);
  throw new Error(failure);
}

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  bind(fd: number, address: Buffer, length: number): number;
  close(fd: number): number;
  lastError(): string;
}

async function loadLibc(): Promise<Libc> {
  // Imported here and not above: its native half may be missing, and that is survivable on a host with one interface.
  const { default: koffi } = await import("koffi");
  // null: the C library this process already runs on, wherever the distribution keeps it.
  const library = koffi.load(null);
  return {
    socket: library.func("int socket(int, int, int)"),
    setsockopt: library.func("int setsockopt(int, int, int, const void *, uint32_t)"),
    bind: library.func("int bind(int, const void *, uint32_t)"),
    close: library.func("int close(int)"),
    lastError: () => {
      const number = koffi.errno();
      const name = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0];
      return name ?? `errno ${number}`;
    },
  };
}

// struct sockaddr_in: the family in the host's byte order, the port in the network's, the address all zeros.
function anyAddressAt(port: number): Buffer {
  const address = Buffer.alloc(16);
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = afInet;
  address.writeUInt16BE(port, 2);
  return address;
}
