// The smallest files that are boot loaders as far as their headers go.

import { machineTypes } from "../../src/boot/asset-store/portable-executable.ts";

/** An x64 EFI program, or by its name a loader for a BIOS; `mark` makes its content one of its own. */
export function minimalLoader(name: string, mark = name): Buffer {
  return name.endsWith(".efi")
    ? efiProgram(machineTypes.x64, 512, mark)
    : Buffer.from(`\xeaa BIOS starts it: ${mark}`, "latin1");
}

/** A PE32+ program with one section of `bodyBytes` octets and, behind it, a signature. */
export function efiProgram(
  machine: number = machineTypes.x64,
  bodyBytes = 512,
  fill: string | number = 0x90,
): Buffer {
  const signatureBytes = 64;
  const optionalBytes = 112 + 5 * 8;
  const program = Buffer.alloc(512 + bodyBytes + signatureBytes, fill);
  program.fill(0, 0, 512);
  program.write("MZ", 0, "latin1");
  program.writeUInt32LE(0x80, 0x3c);
  program.write("PE\0\0", 0x80, "latin1");
  program.writeUInt16LE(machine, 0x84);
  program.writeUInt16LE(1, 0x86);
  program.writeUInt16LE(optionalBytes, 0x94);
  const optional = 0x98;
  program.writeUInt16LE(0x20b, optional);
  program.writeUInt32LE(5, optional + 108);
  program.writeUInt32LE(512 + bodyBytes, optional + 112 + 32);
  program.writeUInt32LE(signatureBytes, optional + 112 + 36);
  program.writeUInt32LE(bodyBytes, optional + optionalBytes + 16);
  program.writeUInt32LE(512, optional + optionalBytes + 20);
  return program;
}
