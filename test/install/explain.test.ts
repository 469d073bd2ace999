import { expect, test } from "vitest";
import { explainFailure } from "../../src/install/explain.ts";
import type { InstallStep } from "../../src/install/phases.ts";

const ended = (exitCode: number) => ({ kind: "ended", exitCode }) as const;
const keysTimeout = {
  kind: "overdue",
  why: '61 s in step "upload SSH keys" (limit 60 s)',
} as const;

test.each<[string, InstallStep, number, RegExp, RegExp]>([
  [
    "Problem opening /dev/nvme0n1 for reading! Error is 2.",
    "format-disk",
    4,
    /names the disk \/dev\/nvme0n1, which this node does not have \(exit code 4 in step "partition/,
    /lsblk/,
  ],
  ["umount: /mnt: target is busy.", "format-disk", 1, /holds the disk/, /wipefs -a/],
  [
    "Error: Partition(s) 1, 2 on /dev/vda have been written, but we have been unable to inform the kernel of the change",
    "format-disk",
    1,
    /an old RAID, LVM or ZFS/,
    /from the network again/,
  ],
  [
    "mkfs.ext4: cannot open /dev/disk/by-partlabel/disk-main-root: No such file",
    "format-disk",
    1,
    /disk-main-root: was not there|was not there in time/,
    /race/,
  ],
  [
    "efiSysMountPoint = '/boot' is not a mounted partition. Is the path configured correctly?",
    "install",
    1,
    /does not boot/,
    /firmware mode/,
  ],
  ["Failed to install bootloader", "install", 1, /boot loader/, /ESP/],
  [
    "error: flake 'path:/srv' does not provide attribute 'packages.x86_64-linux.nixosConfigurations.\"node09\".config', …",
    "gather-facts",
    1,
    /no configuration for the node node09/,
    /nixosConfigurations/,
  ],
  [
    "error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
    "copy-system",
    1,
    /may not add store paths/,
    /boot image/,
  ],
  [
    "tar: write error: No space left on device",
    "copy-system",
    1,
    /file systems/,
    /partition sizes/,
  ],
  ["cp: No space left on device", "build-disko", 1, /RAM disk is full/, /memory/],
  ["Kexec failed", "kexec", 1, /not the installer/, /find out what runs/],
  [
    "Timeout, server 10.0.100.50 not responding.",
    "format-disk",
    255,
    /connection was lost/,
    /BMC's power state/,
  ],
  [
    "aborted: no cpio command found, but required to build the new initrd",
    "gather-facts",
    1,
    /lacks the program cpio/,
    /boot image/,
  ],
  ["Host key verification failed.", "gather-facts", 255, /another SSH host key/, /console/],
  [
    "error: unable to download 'https://x/y.tar.gz': Could not resolve host",
    "copy-system",
    1,
    /a download failed/,
    /install\.offline/,
  ],
  [
    "dd: writing to '/dev/vda': Input/output error",
    "format-disk",
    1,
    /disk fails: Input\/output error/,
    /SMART/,
  ],
  [
    "aborted: This script requires Linux as the operating system, but got FreeBSD",
    "gather-facts",
    1,
    /refused: This script requires Linux/,
    /correct what it names/,
  ],
])("%s", (line, step, exitCode, reason, next) => {
  const explained = explainFailure(ended(exitCode), { step, tail: ["before", line, "after"] });
  expect(explained.reason).toMatch(reason);
  expect(explained.next).toMatch(next);
});

test("the endless key upload is told apart by what it printed", () => {
  const step = "upload-keys";
  const denied = ["root@10.0.100.50: Permission denied (publickey,password)."];
  expect(explainFailure(keysTimeout, { step, tail: denied }).reason).toMatch(
    /provisioning SSH key/,
  );
  const lost = ["ssh: connect to host 10.0.100.50 port 22: No route to host"];
  expect(explainFailure(keysTimeout, { step, tail: lost }).reason).toMatch(
    /does not answer .*given up after 61 s/,
  );
});

test("the word error alone is no reason", () => {
  const { reason } = explainFailure(ended(3), {
    step: "install",
    tail: ["error: odd", "the end"],
  });
  expect(reason).toBe('exit code 3 in step "install NixOS and boot loader": the end');
});

test.each([
  "e2fsprogs> dd: error writing '/dev/full': Input/output error",
  "openssh-9.9p2> root@localhost: Permission denied (publickey).",
  "coreutils> yes: standard output: Broken pipe",
  "util-linux (post)> umount: /mnt: target is busy.",
])("%s is of a build's log, and no reason", (line) => {
  const tail = [line, "error: Build failed due to failed dependency"];
  expect(explainFailure(ended(1), { step: "copy-system", tail })).toEqual({
    fault: "other",
    reason: `exit code 1 in step "build and copy system": ${tail[1]}`,
    next: expect.stringContaining("read the end of the install log"),
  });
});

test.each<[InstallStep | undefined, string, RegExp, RegExp]>([
  [
    undefined,
    "install: 6: nix: not found",
    /not on the server: .*nix: not found/,
    /install\.command/,
  ],
  [
    "upload-keys",
    "ssh-copy-id: command not found",
    /not on the server: ssh-copy-id/,
    /install what/,
  ],
  [
    "format-disk",
    "/nix/store/q-disko: line 9: sgdisk: command not found",
    /^the installer lacks a program \(exit code 127 in step "partition and .*sgdisk: command not/,
    /^rebuild its image with it, or unset install\.offline; then boot the node from the network/,
  ],
  [
    "install",
    "bash: line 1: nixos-install: command not found",
    /^the installer lacks a program .*nixos-install: command not found$/,
    /^rebuild its image with it; then boot/,
  ],
  ["kexec", "bash: kexec: command not found", /^the target is not the installer/, /find out what/],
])(
  "a program that is missing in step %s is named, and where it is missing",
  (step, line, reason, next) => {
    const explained = explainFailure(ended(127), { step, tail: [line, "umount: /mnt unmounted"] });
    expect(explained.reason).toMatch(reason);
    expect(explained.next).toMatch(next);
  },
);

test("a signal and a vanished process are named as such", () => {
  const none = { step: "format-disk", tail: [] } as const;
  expect(explainFailure(ended(143), none).reason).toMatch(/^ended by signal 15 in step/);
  const vanished = explainFailure({ kind: "vanished" }, none);
  expect(vanished.reason).toMatch(/gone without an exit code/);
  expect(vanished.next).toMatch(/half written/);
});

test("a run in the kexec step is explained without a line of output", () => {
  const { reason } = explainFailure({ kind: "overdue", why: "…" }, { step: "kexec", tail: [] });
  expect(reason).toMatch(/not the installer/);
});
