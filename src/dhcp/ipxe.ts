// What iPXE says of itself in option 175: which protocols and image formats it was built with.

import { readSubOptions } from "./sub-options.ts";

// Sub-options 0x10 to 0x4f are feature markers (iPXE's `ipxe/features.h`); names as in its start banner, lower case.
const features: ReadonlyMap<number, string> = new Map([
  [0x10, "pxeext"],
  [0x11, "iscsi"],
  [0x12, "aoe"],
  [0x13, "http"],
  [0x14, "https"],
  [0x15, "tftp"],
  [0x16, "ftp"],
  [0x17, "dns"],
  [0x18, "bzimage"],
  [0x19, "multiboot"],
  [0x1a, "slam"],
  [0x1b, "srp"],
  [0x20, "nbi"],
  [0x21, "pxe"],
  [0x22, "elf"],
  [0x23, "comboot"],
  [0x24, "efi"],
  [0x25, "fcoe"],
  [0x26, "vlan"],
  [0x27, "menu"],
  [0x28, "sdi"],
  [0x29, "nfs"],
]);

/** The named features in option 175, in the order sent; undefined when it lists none, which says nothing of the build. */
export function readIpxeFeatures(data: Buffer | undefined): readonly string[] | undefined {
  if (data === undefined) return undefined;
  const names = [...readSubOptions(data).keys()].flatMap((number) => features.get(number) ?? []);
  return names.length === 0 ? undefined : names;
}
