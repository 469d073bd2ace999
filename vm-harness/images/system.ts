// The installed system: what nixos-anywhere's stand-in streams onto a node's disk. systemd, sshd,
// journald, and the cluster services; no udev, D-Bus or login, which the rack never uses.

import { chmod, cp, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { run, runShell } from "./command.ts";
import { type BuildPlace, driverModules } from "./installer.ts";
import {
  copyModules,
  copyPaths,
  copyPrograms,
  findPrograms,
  installBusybox,
  makeTree,
  packInitramfs,
} from "./tree.ts";

const programs = [
  "bash",
  "curl",
  "etcd",
  "etcdctl",
  "ip",
  "journalctl",
  "jq",
  "python3.11",
  "ssh-keygen",
  "sshd",
  "systemctl",
  "systemd-run",
  "tar",
];

const systemdPrograms = ["systemd", "systemd-journald", "systemd-shutdown"];

const systemdUnits = [
  "basic.target",
  "emergency.target",
  "final.target",
  "halt.target",
  "local-fs-pre.target",
  "local-fs.target",
  "multi-user.target",
  "network-online.target",
  "network-pre.target",
  "network.target",
  "paths.target",
  "poweroff.target",
  "reboot.target",
  "rescue.target",
  "shutdown.target",
  "slices.target",
  "sockets.target",
  "swap.target",
  "sysinit.target",
  "systemd-journal-flush.service",
  "systemd-journald-dev-log.socket",
  "systemd-journald.service",
  "systemd-journald.socket",
  "systemd-poweroff.service",
  "systemd-reboot.service",
  "timers.target",
  "umount.target",
  "sockets.target.wants/systemd-journald-dev-log.socket",
  "sockets.target.wants/systemd-journald.socket",
  "sysinit.target.wants/systemd-journal-flush.service",
  "sysinit.target.wants/systemd-journald.service",
];

const enabledUnits: Readonly<Record<string, readonly string[]>> = {
  "multi-user.target": [
    "chainfire.service",
    "chainfire-cluster-join.service",
    "flaredb.service",
    "flaredb-cluster-join.service",
    "rack-dhcp.service",
    "ssh.service",
  ],
  "network-online.target": ["rack-network.service"],
  "sysinit.target": ["rack-activation.service"],
};

/** What the install puts on the ESP or in the boot sector. */
const bootFiles = [
  "/usr/bin/extlinux",
  "/usr/lib/systemd/boot/efi/systemd-bootx64.efi",
  "/usr/lib/EXTLINUX/gptmbr.bin",
  "/usr/lib/shim/shimx64.efi.signed",
  "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
];

/** Builds `output`/{bzImage,initrd,rootfs.tar.zst}. `firstBoot` is the directory of the product's first-boot files. */
export async function buildSystem(place: BuildPlace, firstBoot: string): Promise<void> {
  const { stage, guest, tree, output, release } = place;
  await mkdir(output, { recursive: true });
  await makeTree(tree);
  const daemons = systemdPrograms.map((name) => `/usr/lib/systemd/${name}`);
  await copyPrograms(stage, tree, [...(await findPrograms(stage, programs)), ...daemons]);
  await copyPaths(
    stage,
    tree,
    systemdUnits.map((name) => `/usr/lib/systemd/system/${name}`),
  );
  await copyPaths(stage, tree, bootFiles);
  await copyPython(stage, tree, join(guest, "../raft_service"));
  await cp(join(guest, "root"), tree, { recursive: true });
  await installFirstBoot(tree, firstBoot);
  await enableUnits(tree);
  await installBusybox(stage, tree);
  for (const name of ["reboot", "poweroff"]) {
    await rm(join(tree, "usr/bin", name), { force: true });
    await symlink("../bin/systemctl", join(tree, "usr/sbin", name));
  }
  await mkdir(join(tree, "boot"));
  await mkdir(join(tree, "var/log/journal"), { recursive: true });
  await symlink("../run", join(tree, "var/run"));
  await chmod(join(tree, "root"), 0o700);
  await chmod(join(tree, "tmp"), 0o1777);
  await runShell(
    'tar -C "$1" --owner=0 --group=0 --numeric-owner --sort=name -cf - . | zstd -q -T0 -15 -f -o "$2"',
    tree,
    join(output, "rootfs.tar.zst"),
  );
  await cp(join(stage, `boot/vmlinuz-${release}`), join(output, "bzImage"));
  await buildInitramfs(place);
}

async function buildInitramfs({ stage, guest, tree, output, release }: BuildPlace): Promise<void> {
  const initramfs = `${tree}-initramfs`;
  await makeTree(initramfs);
  await installBusybox(stage, initramfs);
  await copyModules(stage, initramfs, release, driverModules);
  await cp(join(guest, "init"), join(initramfs, "init"));
  await chmod(join(initramfs, "init"), 0o755);
  await packInitramfs(initramfs, join(output, "initrd"));
}

/** Installs the cluster services' program with just the modules of the standard library that it loads. */
async function copyPython(stage: string, tree: string, program: string): Promise<void> {
  const directory = "/usr/lib/python3/dist-packages/raft_service";
  await cp(program, join(stage, directory), { recursive: true });
  // Loaded only when first used, so not seen by importing the program.
  const late = "encodings.idna, importlib.util, runpy";
  // Importing leaves the compiled form beside each module: under emulation compiling is most of the start-up.
  const list = await run([
    "chroot",
    stage,
    "python3.11",
    "-I",
    "-c",
    `import sys, raft_service.server, ${late}
for m in list(sys.modules.values()): print(getattr(m, "__file__", ""), getattr(m, "__cached__", ""))`,
  ]);
  const files = [...new Set(list.split(/\s+/))].filter((file) => file.startsWith("/"));
  const shared = files.filter((file) => file.endsWith(".so"));
  await copyPaths(stage, tree, [directory, ...files.filter((file) => !shared.includes(file))]);
  await copyPrograms(stage, tree, shared);
}

/** Puts the product's first-boot script and units where the units expect them. */
async function installFirstBoot(tree: string, firstBoot: string): Promise<void> {
  const units = join(tree, "etc/systemd/system");
  await mkdir(join(tree, "usr/lib/first-boot"), { recursive: true });
  await cp(join(firstBoot, "cluster-join"), join(tree, "usr/lib/first-boot/cluster-join"));
  await chmod(join(tree, "usr/lib/first-boot/cluster-join"), 0o755);
  for (const layer of ["chainfire", "flaredb"])
    await cp(
      join(firstBoot, `${layer}-cluster-join.service`),
      join(units, `${layer}-cluster-join.service`),
    );
}

async function enableUnits(tree: string): Promise<void> {
  const units = join(tree, "etc/systemd/system");
  await symlink("/usr/lib/systemd/system/multi-user.target", join(units, "default.target"));
  for (const [target, names] of Object.entries(enabledUnits)) {
    await mkdir(join(units, `${target}.wants`));
    for (const name of names) await symlink(`../${name}`, join(units, `${target}.wants`, name));
  }
}
