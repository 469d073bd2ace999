// The loaders that Debian's packages bring besides iPXE, by the names that the server gives them.

import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";

const loaders: Readonly<Record<string, string>> = {
  "shimx64.efi": "usr/lib/shim/shimx64.efi.signed",
  // The image for network boot; the other one looks for its configuration on a disk.
  "grubx64.efi": "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",
  "pxelinux.0": "usr/lib/PXELINUX/pxelinux.0",
  "ldlinux.c32": "usr/lib/syslinux/modules/bios/ldlinux.c32",
};

/** Copies the loaders out of the unpacked packages in `stage` into `output`. */
export async function buildLoaders(stage: string, output: string): Promise<void> {
  await mkdir(output, { recursive: true });
  for (const [name, path] of Object.entries(loaders))
    await cp(join(stage, path), join(output, name));
}
