// The system calls that Node has no function for: many datagrams in one call, sockets that hear one interface only, and
// memory and files that another thread sends.
// Layouts are those of 64-bit little-endian Linux (asm-generic), which every machine this runs on is.

import { messageOf } from "./error-text.ts";
import { type Ipv4, ipv4ToNumber } from "./ipv4.ts";

// bits/socket.h
export const afInet = 2;
export const sockDgram = 2;
export const sockCloexec = 0o2000000;
export const msgDontWait = 0x40;

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number;
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number;
  bind(fd: number, address: Buffer, length: number): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, address: Buffer, length: number): number;
  getsockname(fd: number, address: Buffer, length: Buffer): number;
  close(fd: number): number;
  poll(fds: Buffer, count: number, timeoutMs: number): number;
  recvmmsg(fd: number, messages: Buffer, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, messages: Buffer, count: number, flags: number): number;
  recvfrom(
    fd: number,
    data: Buffer,
    length: number,
    flags: number,
    address: Buffer | null,
    addressLength: Buffer | null,
  ): number;
  sendto(
    fd: number,
    data: Buffer,
    length: number,
    flags: number,
    /** null on a connected socket. */
    address: Buffer | null,
    addressLength: number,
  ): number;
  /** From an address, as `memory` has it. */
  send(fd: number, address: bigint, length: number, flags: number): number;
  /** The octets that left, from `offset` (64 bits) on, which moves by them. */
  sendfile(to: number, from: number, offset: Buffer, length: number): number;
  shutdown(fd: number, how: number): number;
  fcntl(fd: number, command: number, value: number): number;
  /** Where a buffer is in memory, for the structures that hold pointers. The buffer must outlive its use. */
  address(buffer: Buffer): bigint;
  /** The memory at an address as a buffer, without a copy. Whoever has that memory must keep it longer than this is used. */
  memory(address: bigint, length: number): Buffer;
  /** The name of the last error, such as `EADDRINUSE`. */
  lastError(): string;
}

/** Rejects with the reason when the C library can't be called on this machine. */
export async function loadLibc(): Promise<Libc> {
  if (
    !["x64", "arm64", "riscv64", "loong64"].includes(process.arch) ||
    process.platform !== "linux"
  )
    throw new Error(
      `DHCP, TFTP and HTTP need 64-bit little-endian Linux, this is ${process.platform} on ${process.arch}`,
    );
  try {
    return await bindLibc();
  } catch (error) {
    throw new Error(
      `the C library can't be called (koffi: ${messageOf(error)}): run npm install again on this machine`,
      { cause: error },
    );
  }
}

async function bindLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  // null: the C library this process already runs on, wherever the distribution keeps it.
  const library = koffi.load(null);
  return {
    socket: library.func("int socket(int, int, int)"),
    setsockopt: library.func("int setsockopt(int, int, int, const void *, uint32_t)"),
    getsockopt: library.func("int getsockopt(int, int, int, void *, void *)"),
    bind: library.func("int bind(int, const void *, uint32_t)"),
    listen: library.func("int listen(int, int)"),
    connect: library.func("int connect(int, const void *, uint32_t)"),
    getsockname: library.func("int getsockname(int, void *, void *)"),
    close: library.func("int close(int)"),
    poll: library.func("int poll(void *, unsigned long, int)"),
    recvmmsg: library.func("int recvmmsg(int, void *, unsigned int, int, void *)"),
    sendmmsg: library.func("int sendmmsg(int, void *, unsigned int, int)"),
    recvfrom: library.func("long recvfrom(int, void *, unsigned long, int, void *, void *)"),
    sendto: library.func(
      "long sendto(int, const void *, unsigned long, int, const void *, uint32_t)",
    ),
    send: library.func("long send(int, uintptr_t, unsigned long, int)"),
    sendfile: library.func("long sendfile(int, int, void *, unsigned long)"),
    shutdown: library.func("int shutdown(int, int)"),
    // Variadic in C, and an int like the others wherever this runs.
    fcntl: library.func("int fcntl(int, int, int)"),
    address: (buffer) => koffi.address(buffer),
    memory: (address, length) => Buffer.from(koffi.view(address, length)),
    lastError: () => {
      const number = koffi.errno();
      const name = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0];
      return name ?? `errno ${number}`;
    },
  };
}

const addressBytes = 16;

/** struct sockaddr_in: the family in the host's byte order, port and address in the network's. */
export function socketAddress(address: Ipv4, port: number): Buffer {
  const bytes = Buffer.alloc(addressBytes);
  bytes.writeUInt16LE(afInet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt32BE(ipv4ToNumber(address), 4);
  return bytes;
}
