// A small asset directory on disk, as the boot plane and the manifest see it.

import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { minimalLoader } from "./loaders.ts";

export const initPath = "/nix/store/abc-nixos-system-installer-26.05/init";

/** Content that no other image has. It begins with what no format does: by chance it would be taken for a damaged archive. */
export function randomImage(octets: number): Buffer {
  const start = Buffer.from("image");
  return Buffer.concat([start, randomBytes(octets - start.length)]);
}

/** Writes files by their path below the directory. */
export function putFiles(
  directory: string,
  files: Readonly<Record<string, string | Buffer>>,
): void {
  for (const [path, content] of Object.entries(files)) {
    const full = join(directory, path);
    mkdirSync(join(full, ".."), { recursive: true });
    writeFileSync(full, content);
  }
}

/** A new temporary directory with both loaders and one whole set, `control-plane`. */
export function assetDirectory(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "rackstrap-assets-"));
  putFiles(directory, {
    "undionly.kpxe": minimalLoader("undionly.kpxe"),
    "ipxe.efi": minimalLoader("ipxe.efi"),
    "nixos/control-plane/bzImage": Buffer.alloc(700_000, "kernel"),
    "nixos/control-plane/initrd": Buffer.alloc(1_300_001, "initrd"),
    "nixos/control-plane/cmdline": `init=${initPath} loglevel=4\n`,
    ...files,
  });
  return directory;
}
