// The installer image: a kernel and an initramfs that a netbooted machine runs from memory. It
// calls itself a NixOS installer and holds what nixos-anywhere needs on its target, no more: under
// software emulation every megabyte costs seconds.

import { chmod, cp, link, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  copyModules,
  copyPaths,
  copyPrograms,
  findPrograms,
  installBusybox,
  makeTree,
  packInitramfs,
} from "./tree.ts";

// Real programs where busybox differs from what nixos-anywhere relies on; busybox gives the rest.
const programs = [
  "bash",
  "blockdev",
  "cpio",
  "lsblk",
  "mkfs.ext4",
  "mkfs.vfat",
  "mount",
  "nohup",
  "setsid",
  "sgdisk",
  "ssh-keygen",
  "sshd",
  "tar",
  "umount",
  "wipefs",
  "zstd",
];

/** Drivers of a virtual machine and of the ESP, for the installer and the installed system alike. */
export const driverModules = [
  "virtio_pci",
  "virtio_blk",
  "virtio_net",
  "virtio_rng",
  "vfat",
  "nls_ascii",
  "nls_cp437",
];

// A store path as NixOS makes them: the boot script names it, and the initramfs refuses any other.
const systemPath = "/nix/store/0rackstrapvirtualrackinstaller00-nixos-system-installer-24.11";

/** Profiles of the runbook. The rack's machines differ in nothing the installer could see. */
const profiles = ["control-plane", "worker", "all-in-one"];

export interface BuildPlace {
  /** Unpacked packages. */
  readonly stage: string;
  /** Directory with this image's own files. */
  readonly guest: string;
  /** Empty directory for the image's tree. */
  readonly tree: string;
  /** Where the finished files go. */
  readonly output: string;
  /** Kernel release, which names the module directory. */
  readonly release: string;
}

/** Builds `output`/PROFILE/{bzImage,initrd,cmdline}, the same files under each profile's name. */
export async function buildInstaller(place: BuildPlace): Promise<void> {
  const { stage, guest, tree, output, release } = place;
  await makeTree(tree);
  await copyPrograms(stage, tree, await findPrograms(stage, programs));
  await installBusybox(stage, tree);
  await copyModules(stage, tree, release, driverModules);
  await copyPaths(stage, tree, ["/etc/mke2fs.conf"]);
  await cp(guest, tree, { recursive: true });
  await mkdir(join(tree, systemPath), { recursive: true });
  await cp(join(tree, "system-init"), join(tree, systemPath, "init"));
  await rm(join(tree, "system-init"));
  for (const path of ["init", `${systemPath}/init`, "etc/set-up", "etc/udhcpc.script"])
    await chmod(join(tree, path), 0o755);
  await chmod(join(tree, "root"), 0o700);

  const [first = "", ...others] = profiles.map((profile) => join(output, profile));
  await mkdir(first, { recursive: true });
  await packInitramfs(tree, join(first, "initrd"));
  await cp(join(stage, `boot/vmlinuz-${release}`), join(first, "bzImage"));
  await writeFile(
    join(first, "cmdline"),
    `init=${systemPath}/init net.ifnames=0 console=tty0 console=ttyS0,115200 loglevel=4\n`,
  );
  for (const directory of others) {
    await mkdir(directory, { recursive: true });
    for (const file of ["bzImage", "initrd", "cmdline"])
      await link(join(first, file), join(directory, file));
  }
}
