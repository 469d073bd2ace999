import { ftruncateSync, readSync, writeSync } from "node:fs";
import { expect, test } from "vitest";
import { openImageMemory } from "../../src/boot/image-memory.ts";
import { loadLibc } from "../../src/net/libc.ts";

test("an image in memory has the same octets by its descriptor and in place, and nobody can change them", async () => {
  const memory = openImageMemory(await loadLibc());
  for (const part of ["a kernel", " and more"]) memory.append(Buffer.from(part));
  const sealed = memory.seal();
  try {
    expect(sealed.data.toString()).toBe("a kernel and more");
    const read = Buffer.alloc(17);
    expect(readSync(sealed.fd, read, 0, 17, 0)).toBe(17);
    expect(read.toString()).toBe("a kernel and more");
    expect(() => writeSync(sealed.fd, "A", 0)).toThrow("EPERM");
    for (const size of [0, 100]) expect(() => ftruncateSync(sealed.fd, size)).toThrow("EPERM");
  } finally {
    sealed.close();
  }
});
