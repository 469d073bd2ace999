// What a Linux kernel image says of itself: architecture, version, and how long it must be. Pure.

import { machineTypes, readPortableExecutable } from "./portable-executable.ts";

export type Arch = "x86_64" | "aarch64";

export interface Kernel {
  readonly arch: Arch;
  /** As in `uname -r`, when the image says it. */
  readonly version: string | undefined;
  /** Octets that its headers account for; a shorter file is cut. */
  readonly endBytes: number;
}

/** Octets of a kernel that have to be read for its headers: the PE sections of arm64 lie within the first page. */
export const kernelHeadBytes = 64 * 1024;

/** Reads the beginning of a file; undefined when it is no kernel that is known here. Never throws. */
export function readKernel(head: Buffer): Kernel | undefined {
  return readBzImage(head) ?? readArm64(head);
}

/** Linux Documentation/arch/x86/boot.rst, "The real-mode kernel header". Since protocol 2.12 it says whether it is 64-bit. */
function readBzImage(head: Buffer): Kernel | undefined {
  if (head.length < 0x264 || head.toString("latin1", 0x202, 0x206) !== "HdrS") return undefined;
  if (head.readUInt16LE(0x1fe) !== 0xaa55 || head.readUInt16LE(0x206) < 0x020c) return undefined;
  if ((head.readUInt16LE(0x236) & 1) === 0) return undefined;
  // 0 stands for 4, from the time before the field existed.
  const setupSectors = head.readUInt8(0x1f1) || 4;
  const imageEnd = (setupSectors + 1) * 512 + head.readUInt32LE(0x1f4) * 16;
  const signed = readPortableExecutable(head)?.endBytes ?? 0;
  return {
    arch: "x86_64",
    version: versionAt(head, head.readUInt16LE(0x20e) + 0x200),
    endBytes: Math.max(imageEnd, signed),
  };
}

/**
 * Linux Documentation/arch/arm64/booting.rst. Its image_size counts memory that is not in the file, so what the file
 * must hold is read from the EFI stub's sections; a build without the stub shows no cut. Compressed EFI images
 * ("zimg" behind MZ) have the same sections.
 */
function readArm64(head: Buffer): Kernel | undefined {
  if (head.length < 64) return undefined;
  const executable = readPortableExecutable(head);
  const plain = head.toString("latin1", 56, 60) === "ARM\x64";
  const zboot = head.toString("latin1", 4, 8) === "zimg";
  if (!plain && !(zboot && executable?.machine === machineTypes.arm64)) return undefined;
  return { arch: "aarch64", version: undefined, endBytes: executable?.endBytes ?? 0 };
}

function versionAt(head: Buffer, offset: number): string | undefined {
  const text = head.toString("latin1", offset, offset + 128);
  return /^[A-Za-z0-9][A-Za-z0-9._+~-]*/.exec(text)?.[0];
}
