// Fills the rack's directory: inventory, node configurations, boot files, the keys of operator and server, the passphrase of the CA.

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  constants as fileConstants,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { stringify } from "yaml";
import { flakeOf, type InventoryFile } from "./rack-inventory.ts";

/** Makes an SSH key pair without a passphrase: `file` and `file`.pub. */
export function makeKey(file: string, comment: string): void {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file]);
}

/** Writes the inventory, and the node configurations that go with it when there are images to install. */
export function writeInventoryFiles(
  directory: string,
  inventory: InventoryFile,
  images: string | undefined,
): void {
  writeFileSync(join(directory, "site.yaml"), stringify(inventory));
  if (images === undefined) return;
  // The server's key, too: it looks at the files that it had put on the node.
  const keys = ["operator-key.pub", "provisioning-key.pub"].map((name) =>
    readFileSync(join(directory, name), "utf8").trim(),
  );
  const flake = flakeOf(inventory, resolve(images, "system"), keys);
  mkdirSync(join(directory, "flake"), { recursive: true });
  writeFileSync(join(directory, "flake/rack.json"), `${JSON.stringify(flake, null, 2)}\n`);
}

/** Fills the server's asset directory with boot loaders and, when built, the installer. */
export function copyAssets(directory: string, images: string | undefined): void {
  const assets = join(directory, "assets");
  mkdirSync(assets, { recursive: true });
  const loaders = {
    "undionly.kpxe": "undionly.kpxe",
    "snponly.efi": "snponly.efi",
    // ipxe.efi of Debian's package (2019) never comes back from "exit" under OVMF 2022.11: it spins in its own
    // code, on q35 and pc, with one network card or two. snponly.efi is the same iPXE with the firmware's
    // network driver in place of its own, and exits to the next boot option at once.
    "ipxe.efi": "snponly.efi",
  };
  for (const [name, source] of Object.entries(loaders))
    copyFileSync(join("/usr/lib/ipxe", source), join(assets, name));
  if (images === undefined) return;
  cpSync(resolve(images, "loaders"), assets, { recursive: true });
  cpSync(resolve(images, "nixos"), join(assets, "nixos"), {
    recursive: true,
    dereference: true,
    mode: fileConstants.COPYFILE_FICLONE,
  });
}
