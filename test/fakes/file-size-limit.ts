// A disk that takes nothing: file writes of this process fail with EFBIG, which SQLite reports as an I/O error.

import koffi from "koffi";

const setrlimit = koffi.load(null).func("int setrlimit(int, const void *)");
const getrlimit = koffi.load(null).func("int getrlimit(int, void *)");
// Linux: asm-generic/resource.h.
const fileSize = 1;

/** Runs `act`, which must not wait, while no file can be written. */
export function withoutDisk<T>(act: () => T): T {
  const limits = Buffer.alloc(16);
  if (getrlimit(fileSize, limits) !== 0) throw new Error("getrlimit failed");
  const none = Buffer.from(limits);
  none.writeBigUInt64LE(0n, 0);
  setrlimit(fileSize, none);
  try {
    return act();
  } finally {
    setrlimit(fileSize, limits);
  }
}
