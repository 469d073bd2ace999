// Debian packages as raw material: finds the versions apt would install, downloads and unpacks them.
// Runs no maintainer script and touches nothing of the machine's own package database.

import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { run, runShell } from "./command.ts";

/** What the images are made of; what these depend on comes along. */
const wanted = [
  "bash",
  "busybox-static",
  "coreutils",
  "cpio",
  "curl",
  "dosfstools",
  "e2fsprogs",
  "etcd-server",
  "extlinux",
  "gdisk",
  "grep",
  "grub-efi-amd64-signed",
  "iproute2",
  "jq",
  "kmod",
  "libpython3.11-stdlib",
  "linux-image-cloud-amd64",
  "mount",
  "openssh-server",
  "procps",
  "python3-minimal",
  "sed",
  "shim-signed",
  "syslinux-common",
  "systemd",
  "systemd-boot-efi",
  "systemd-sysv",
  "tar",
  "util-linux",
  "zstd",
];

/** Dependencies that only configure a package on a living system: the images are put together without them. */
const unneeded =
  /^(adduser|apt|ca-certificates|debconf|dpkg|dmsetup|gcc-12-base|gettext-base|grub-common|grub-efi-amd64-bin|grub2-common|init-system-helpers|initramfs-tools.*|klibc-utils|libdb5\.3|libefi.*|libfile-.*|libfreetype6|libfuse2|libgdbm.*|libklibc|libnumber-.*|libperl.*|libtext-.*|libpng16-16|linux-base|lsb-base|media-types|mokutil|openssh-sftp-server|perl.*|readline-common|runit-helper|sensible-utils|shim-helpers-.*|shim-signed-common|shim-unsigned|sysvinit-utils|tzdata|ucf|udev|usrmerge)$/;

// An empty status file makes apt resolve for an empty system instead of for this machine.
const aptOptions = [
  "-oDir::State::status=/dev/null",
  "-oDir::Cache::archives=/nonexistent",
  "-oAPT::Install-Recommends=0",
  "-oAPT::Sandbox::User=root",
];

export interface DebianPackage {
  readonly name: string;
  /** File name in the archive, with version and architecture. */
  readonly file: string;
}

/** The packages to unpack, in the versions the machine's apt lists offer. Needs `apt-get update` to have run once. */
export async function resolvePackages(): Promise<DebianPackage[]> {
  const output = await run(["apt-get", ...aptOptions, "--print-uris", "-y", "install", ...wanted]);
  const packages = [...output.matchAll(/^'[^']+' (([^_ ]+)_\S+\.deb) \d+/gm)].map(
    ([, file = "", name = ""]) => ({ name, file }),
  );
  return packages.filter(({ name }) => !unneeded.test(name));
}

/** Downloads what of `packages` is not yet in `directory` and removes what is no longer asked for. */
export async function downloadPackages(
  packages: readonly DebianPackage[],
  directory: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const present = new Set(await readdir(directory));
  const asked = new Set(packages.map(({ file }) => file));
  for (const file of present) if (!asked.has(file)) await rm(join(directory, file));
  const missing = packages.filter(({ file }) => !present.has(file)).map(({ name }) => name);
  if (missing.length > 0)
    await run(["apt-get", ...aptOptions, "download", ...missing], { cwd: directory });
}

/** Unpacks `packages` from `directory` into an empty `stage` with a merged /usr, without documentation and translations. */
export async function unpackPackages(
  packages: readonly DebianPackage[],
  directory: string,
  stage: string,
): Promise<void> {
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await mkdir(join(stage, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(stage, name));
  }
  for (const { file } of packages) {
    await runShell(
      `dpkg-deb --fsys-tarfile "$1" | tar --keep-directory-symlink -x -C "$2" \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'`,
      join(directory, file),
      stage,
    );
  }
}
