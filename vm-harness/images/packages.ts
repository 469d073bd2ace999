// Debian packages as raw material: finds the versions apt would install, downloads and unpacks them.
// Runs no maintainer script and touches nothing of the machine's own package database.

import { mkdir, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run, runShell } from "./command.ts";

/** What the x86-64 images are made of; what these depend on comes along. */
export const systemPackages = [
  "bash",
  "busybox-static",
  "coreutils",
  "cpio",
  "curl",
  "dosfstools",
  "e2fsprogs",
  "etcd-client",
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
  "pxelinux",
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

/** Dependencies of those that only configure a package on a living system: the images are put together without them. */
export const unneeded =
  /^(adduser|apt|ca-certificates|debconf|dpkg|dmsetup|gcc-12-base|gettext-base|grub-common|grub-efi-amd64-bin|grub2-common|init-system-helpers|initramfs-tools.*|klibc-utils|libdb5\.3|libefi.*|libfile-.*|libfreetype6|libfuse2|libgdbm.*|libklibc|libnumber-.*|libperl.*|libtext-.*|libpng16-16|linux-base|lsb-base|media-types|mokutil|openssh-sftp-server|perl.*|readline-common|runit-helper|sensible-utils|shim-helpers-.*|shim-signed-common|shim-unsigned|sysvinit-utils|tzdata|ucf|udev|usrmerge)$/;

// An empty status file makes apt resolve for an empty system instead of for this machine.
const aptOptions = [
  "-oDir::State::status=/dev/null",
  "-oDir::Cache::archives=/nonexistent",
  "-oAPT::Install-Recommends=0",
  "-oAPT::Sandbox::User=root",
];

/** Options for apt that name another archive than this machine's own. */
export type Archive = readonly string[];

/** Debian's arm64 packages, with package lists of their own in `lists`. */
export const arm64 = (lists: string): Archive => [
  ...["-oAPT::Architecture=arm64", "-oAPT::Architectures=arm64"],
  ...[`-oDir::State::lists=${lists}`, `-oDir::Cache=${lists}/cache`],
];

/** `apt-get update` for an archive that is not this machine's own; at most once a day. */
export async function updateLists(archive: Archive): Promise<void> {
  const lists = archive.find((option) => option.startsWith("-oDir::State::lists="))?.split("=")[1];
  if (lists === undefined) return;
  const age =
    Date.now() - (await stat(join(lists, "updated")).catch(() => ({ mtimeMs: 0 }))).mtimeMs;
  if (age < 86_400_000) return;
  await mkdir(join(lists, "partial"), { recursive: true });
  await run(["apt-get", ...aptOptions, ...archive, "update"]);
  await writeFile(join(lists, "updated"), "");
}

export interface DebianPackage {
  readonly name: string;
  /** File name in the archive, with version and architecture. */
  readonly file: string;
}

/** `wanted` with all that it depends on, in the versions apt's lists offer. Needs `apt-get update` to have run once. */
export async function resolvePackages(
  wanted: readonly string[],
  archive: Archive = [],
): Promise<DebianPackage[]> {
  const output = await run([
    ...["apt-get", ...aptOptions, ...archive],
    ...["--print-uris", "-y", "install", ...wanted],
  ]);
  return [...output.matchAll(/^'[^']+' (([^_ ]+)_\S+\.deb) \d+/gm)].map(
    ([, file = "", name = ""]) => ({ name, file }),
  );
}

/** Downloads what of `packages` is not yet in `directory` and removes what is no longer asked for. */
export async function downloadPackages(
  packages: readonly DebianPackage[],
  directory: string,
  archive: Archive = [],
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const present = new Set(await readdir(directory));
  const asked = new Set(packages.map(({ file }) => file));
  for (const file of present) if (!asked.has(file)) await rm(join(directory, file));
  const missing = packages.filter(({ file }) => !present.has(file)).map(({ name }) => name);
  if (missing.length > 0)
    await run(["apt-get", ...aptOptions, ...archive, "download", ...missing], { cwd: directory });
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
