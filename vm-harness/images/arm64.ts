// The installer for machines of another processor: as far as its SSH, since nothing is installed on them. Debian's arm64
// packages, put together on this machine without running any of their programs.

import { chmod, cp, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";
import { driverModules } from "./installer.ts";
import {
  arm64,
  type DebianPackage,
  downloadPackages,
  resolvePackages,
  unpackPackages,
  updateLists,
} from "./packages.ts";
import { copyModules, copyPaths, makeTree, packInitramfs } from "./tree.ts";

const wanted = [
  "busybox-static",
  "grub-efi-arm64-signed",
  "linux-image-cloud-arm64",
  "openssh-server",
  "shim-signed",
  "util-linux",
];

/** Of all that these depend on: programs, the libraries that they load, kernel and loaders. */
const needed =
  /^(busybox-static|grub-efi-arm64-signed|linux-image-6.*|openssh-client|openssh-server|shim-signed|util-linux|lib(audit1|blkid1|c6|cap-ng0|cap2|com-err2|crypt1|gcrypt20|gpg-error0|gssapi-krb5-2|k5crypto3|keyutils1|krb5-3|krb5support0|lz4-1|lzma5|mount1|nsl2|pam0g|pcre2-8-0|selinux1|smartcols1|ssl3|systemd0|tinfo6|tirpc3|udev1|wrap0|zstd1)|zlib1g)$/;

const libraries = "/usr/lib/aarch64-linux-gnu";
const systemPath = "/nix/store/0rackstrapvirtualrackinstaller00-nixos-system-installer-24.11";

/** Builds `directory`/nixos/PROFILE/{Image,initrd,cmdline} and `directory`/loaders unless they are there for these packages. */
export async function buildArm64(directory: string): Promise<void> {
  const lists = join(directory, "lists");
  await updateLists(arm64(lists));
  const packages = (await resolvePackages(wanted, arm64(lists))).filter(({ name }) =>
    needed.test(name),
  );
  const stamp = join(directory, "inputs");
  const source = await readFile(import.meta.filename, "utf8");
  const inputs = [source, ...packages.map(({ file }) => file)].join("\n");
  if ((await readFile(stamp, "utf8").catch(() => "")) === inputs) return;
  const work = join(directory, "work");
  await rm(work, { recursive: true, force: true });
  const stage = join(work, "stage");
  await mkdir(stage, { recursive: true });
  await unpackArm64(packages, directory, stage);
  await buildLoaders(stage, join(work, "loaders"));
  await buildInstaller(stage, join(work, "nixos"), join(work, "tree"));
  for (const name of ["nixos", "loaders"]) {
    await rm(join(directory, name), { recursive: true, force: true });
    await rename(join(work, name), join(directory, name));
  }
  await rm(work, { recursive: true });
  await writeFile(stamp, inputs);
}

async function unpackArm64(
  packages: readonly DebianPackage[],
  directory: string,
  stage: string,
): Promise<void> {
  const archives = join(directory, "packages");
  await downloadPackages(packages, archives, arm64(join(directory, "lists")));
  await unpackPackages(packages, archives, stage);
}

async function buildLoaders(stage: string, output: string): Promise<void> {
  await mkdir(output, { recursive: true });
  await cp(join(stage, "usr/lib/shim/shimaa64.efi.signed"), join(output, "shimaa64.efi"));
  const grub = "usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed";
  await cp(join(stage, grub), join(output, "grubaa64.efi"));
}

async function buildInstaller(stage: string, output: string, tree: string): Promise<void> {
  const [release = ""] = (await run(["ls", join(stage, "lib/modules")])).trim().split("\n");
  await run(["depmod", "-b", stage, release]);
  await makeTree(tree);
  await copyPaths(stage, tree, [
    ...["/usr/bin/busybox", "/usr/bin/lsblk", "/usr/bin/ssh-keygen", "/usr/sbin/sshd"],
    ...[libraries, "/usr/lib/ld-linux-aarch64.so.1"],
  ]);
  await copyModules(stage, tree, release, driverModules);
  await cp(join(import.meta.dirname, "../guest/installer"), tree, { recursive: true });
  await rename(join(tree, "init"), join(tree, "init-installer"));
  // The links to busybox' commands are made on the machine: this one can't ask that busybox for their names.
  await writeFile(
    join(tree, "init"),
    "#!/bin/busybox sh\n/bin/busybox --install -s /usr/bin\nexec /init-installer\n",
  );
  // root's shell by name; busybox knows itself by no such one.
  await writeFile(join(tree, "usr/bin/bash"), '#!/bin/busybox sh\nexec /bin/busybox sh "$@"\n');
  await mkdir(join(tree, systemPath), { recursive: true });
  await rename(join(tree, "system-init"), join(tree, systemPath, "init"));
  for (const path of ["init", "init-installer", "usr/bin/bash", `${systemPath}/init`, "etc/set-up"])
    await chmod(join(tree, path), 0o755);
  await chmod(join(tree, "etc/udhcpc.script"), 0o755);
  await chmod(join(tree, "root"), 0o700);
  const set = join(output, "control-plane");
  await mkdir(set, { recursive: true });
  await packInitramfs(tree, join(set, "initrd"));
  await cp(join(stage, `boot/vmlinuz-${release}`), join(set, "Image"));
  await writeFile(
    join(set, "cmdline"),
    `init=${systemPath}/init net.ifnames=0 console=ttyAMA0 loglevel=4\n`,
  );
}
