// The smallest files that are a kernel or an initrd as far as their headers go.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { machineTypes } from "../../src/boot/asset-store/portable-executable.ts";
import { initPath } from "./asset-directory.ts";
import { efiProgram } from "./loaders.ts";

/** A 64-bit bzImage of protocol 2.15: one set-up sector, then `bodyBytes` octets of `fill`. A multiple of 16. */
export function bzImage(bodyBytes = 4096, fill = "kernel"): Buffer {
  const head = Buffer.alloc(1024);
  head.writeUInt8(1, 0x1f1);
  head.writeUInt32LE(bodyBytes / 16, 0x1f4);
  head.writeUInt16LE(0xaa55, 0x1fe);
  head.write("HdrS", 0x202, "latin1");
  head.writeUInt16LE(0x020f, 0x206);
  head.writeUInt16LE(0x300 - 0x200, 0x20e);
  head.writeUInt16LE(1, 0x236);
  head.write("6.12.1 (builder@host) #1", 0x300, "latin1");
  return Buffer.concat([head, Buffer.alloc(bodyBytes, fill)]);
}

/** An arm64 Image with the EFI stub's headers. */
export function arm64Image(): Buffer {
  const image = efiProgram(machineTypes.arm64);
  image.write("ARM\x64", 56, "latin1");
  return image;
}

/** A newc archive with one file of this content. */
export function cpio(content: string | Buffer): Buffer {
  return Buffer.concat([entry("file", Buffer.from(content)), entry("TRAILER!!!", Buffer.alloc(0))]);
}

function entry(name: string, data: Buffer): Buffer {
  const fields = [1, 0o100644, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`;
  return Buffer.concat([padded(Buffer.from(header, "latin1")), padded(data)]);
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
}

export const gzipped = (content: string): Buffer => gzipSync(cpio(content));
/** With the checksum that the command zstd adds. */
export const zstdPacked = (content: string): Buffer =>
  zstdCompressSync(cpio(content), { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Writes an image as nixpkgs builds it into `directory`; `mark` makes its content one of its own. */
export function putImage(directory: string, mark: string, init = initPath): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "bzImage"), bzImage(4096, mark));
  writeFileSync(join(directory, "initrd"), gzipped(mark));
  writeFileSync(
    join(directory, "netboot.ipxe"),
    `#!ipxe\nkernel bzImage init=${init} initrd=initrd loglevel=4 \${cmdline}\ninitrd initrd\nboot\n`,
  );
  return directory;
}
