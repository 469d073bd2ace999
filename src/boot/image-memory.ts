// An image's octets in memory that has a descriptor: the kernel sends them from there without a copy, and nobody can write
// into them any more.

import { writeFileSync } from "node:fs";
import type { Libc } from "../net/libc.ts";

export interface ImageMemory {
  readonly fd: number;
  /** The same octets for whoever reads them here. To write into them ends the process. */
  readonly data: Buffer;
  /** Gives the memory back. Neither `fd` nor `data` may be used any more: to read `data` would end the process. */
  close(): void;
}

export interface UnsealedMemory {
  append(octets: Buffer): void;
  /** What was appended, from now on unchangeable. */
  seal(): ImageMemory;
  /** Gives up what was not sealed. */
  close(): void;
}

// linux/memfd.h, linux/fcntl.h: F_ADD_SEALS of F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_WRITE.
const closeOnExecAndSealable = 3;
const addSeals = 1033;
const allSeals = 0xf;
// bits/mman.h
const protRead = 1;
const mapShared = 1;

/** Memory for one image. Throws, as its functions do, with the name of the system's error. */
export function openImageMemory(libc: Libc): UnsealedMemory {
  const check = (result: number): number => {
    if (result < 0) throw new Error(`no memory for an image: ${libc.lastError()}`);
    return result;
  };
  const fd = check(libc.memfd_create("image", closeOnExecAndSealable));
  let sizeBytes = 0;
  return {
    append: (octets) => {
      writeFileSync(fd, octets);
      sizeBytes += octets.length;
    },
    seal: () => {
      check(libc.fcntl(fd, addSeals, allSeals));
      const address = check(libc.mmap(null, sizeBytes, protRead, mapShared, fd, 0));
      return {
        fd,
        data: libc.memory(BigInt(address), sizeBytes),
        close: () => {
          libc.munmap(address, sizeBytes);
          libc.close(fd);
        },
      };
    },
    close: () => {
      libc.close(fd);
    },
  };
}
