import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { checkInitrd } from "../../../src/boot/asset-store/initrd.ts";
import { cpio, gzipped, zstdPacked } from "../../fakes/images.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

async function check(content: Buffer, unpacked = true) {
  const path = join(temporaryDirectory(), "initrd");
  writeFileSync(path, content);
  const handle = await open(path);
  try {
    return await checkInitrd({ path, handle, sizeBytes: content.length }, unpacked);
  } finally {
    await handle.close();
  }
}

const noise = Array.from({ length: 40_000 }, (_, index) => crc32(`${index}`)).join("");
const plain = cpio("firmware");
const gzip = gzipped(noise);
const zstd = zstdPacked(noise);
const skippable = Buffer.from("502a4d1803000000616263", "hex");
const zeros = (octets: number) => Buffer.alloc(octets);
/** `printf x | xz --check=crc32`: an index and a footer at its end. */
const xz = Buffer.from(
  "fd377a585a0000016922de360200210116000000742fe5a301000078000000008316dc8c00011501a96334609042990d010000000001595a",
  "hex",
);

describe("an initial RAM disk", () => {
  it.each<[string, Buffer[]]>([
    ["plain", [plain]],
    ["gzip", [gzip]],
    ["zstd", [zstd]],
    ["plain, as the processor's firmware has it, then zstd", [plain, zstd]],
    ["gzip with a plain part right behind it", [gzip, plain]],
    ["several of each", [gzip, gzip, zstd, skippable, zstd, plain]],
    ["xz, padded", [plain, xz, zeros(100)]],
    ["with padding between and behind its parts", [plain, zeros(100), gzip, zeros(70_000)]],
  ])("is whole: %s", async (_, parts) => {
    const content = Buffer.concat(parts);
    expect(await check(content)).toEqual({ kind: "whole" });
    expect(await check(content, false)).toEqual({ kind: "whole" });
  });

  it.each([
    ["plain", plain],
    ["gzip", gzip],
    ["zstd", zstd],
    ["the second part", Buffer.concat([plain, gzip])],
  ])("is known to be cut short at any length: %s", async (_, content) => {
    const step = Math.ceil(content.length / 23);
    // A plain archive may end in the padding of its last entry.
    for (let length = content.length - 5; length > 16; length -= step) {
      if (length === plain.length) continue;
      const { kind } = await check(content.subarray(0, length), false);
      expect({ length, kind }).toEqual({ length, kind: "damaged" });
    }
  });

  it("says which part is cut", async () => {
    expect(await check(Buffer.concat([plain, zstd.subarray(0, -1)]))).toEqual({
      kind: "damaged",
      why: `is cut short (zstd part at octet ${plain.length})`,
    });
  });

  it.each([
    ["gzip", gzip],
    ["zstd", zstd],
  ])("with one flipped bit does not match its checksum: %s", async (_, whole) => {
    const content = Buffer.from(whole);
    content.writeUInt8(content.readUInt8(content.length >> 1) ^ 1, content.length >> 1);
    expect(await check(content)).toMatchObject({ kind: "damaged" });
  });

  it.each([
    ["cut short", xz.subarray(0, -1)],
    ["with another footer", Buffer.concat([xz.subarray(0, -12), zeros(4), xz.subarray(-8)])],
    ["with another part behind it", Buffer.concat([xz, gzip])],
  ])("is damaged: xz %s", async (_, content) => {
    expect(await check(content)).toMatchObject({ kind: "damaged" });
  });

  it("is not whole when it is all zeros, or an archive's rest is", async () => {
    expect(await check(zeros(100_000))).toEqual({ kind: "unknown", what: "nothing but zeros" });
    const rest = Buffer.concat([zstd.subarray(0, 16), zeros(100_000)]);
    expect(await check(rest)).toMatchObject({ kind: "damaged" });
  });

  it("has nothing but archives and zeros", async () => {
    expect(await check(Buffer.concat([gzip, Buffer.from("<html>")]))).toEqual({
      kind: "damaged",
      why: `has no archive at octet ${gzip.length}: octets 3c68746d6c3e`,
    });
  });

  it.each([
    ["text", Buffer.from("404 not found\n")],
    ["bzip2, which is not read here", Buffer.from("BZh91AY&SY")],
  ])("is not known: %s", async (_, content) => {
    expect(await check(content)).toMatchObject({ kind: "unknown" });
  });
});
