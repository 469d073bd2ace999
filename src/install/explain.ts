// Says what a failed install means and what a person should do, from the step, the exit code and the last lines.

import { type InstallStep, isBuildLog, type Progress, stepTitle } from "./phases.ts";

export type InstallOutcome =
  | { readonly kind: "ended"; readonly exitCode: number }
  /** Given up by us; `why` is the sentence of `overdue`. */
  | { readonly kind: "overdue"; readonly why: string }
  /** The process is gone and left no exit code. */
  | { readonly kind: "vanished" };

/** What the lines of an install tell apart; `other` is what none of them names. */
export type InstallFault =
  | "host-key"
  | "ssh-key"
  | "unreachable"
  | "not-installer"
  | "wrong-disk"
  | "old-partition-table"
  | "slow-device"
  | "boot-loader"
  | "no-configuration"
  | "signature"
  | "no-space"
  | "disk-fails"
  | "no-cache"
  | "no-program"
  | "connection-lost"
  | "other";

export interface Explanation {
  readonly fault: InstallFault;
  readonly reason: string;
  readonly next: string;
}

interface Row {
  readonly fault: InstallFault;
  readonly says: RegExp;
  /** Only in these steps; in any when absent. */
  readonly steps?: readonly InstallStep[];
  /** `$1` is the first group of `says`. */
  readonly reason: string;
  readonly next: string;
}

const netboot = "boot the node from the network again and start a new install";

// First match wins; a row is asked about every kept line, so each must be specific.
const catalogue: readonly Row[] = [
  {
    fault: "host-key",
    says: /Host key verification failed|HOST IDENTIFICATION HAS CHANGED/,
    reason: "the target shows another SSH host key than the installer did a moment ago",
    next: `see on the node's console whether it restarted by itself; if it did not, another machine has its address. Then ${netboot}`,
  },
  {
    fault: "ssh-key",
    says: /Permission denied \(/,
    reason: "the installer does not accept the provisioning SSH key",
    next: "check that install.sshKey is the key whose public half the boot plane serves, then boot the node from the network again",
  },
  {
    fault: "unreachable",
    says: /No route to host|Connection timed out|Network is unreachable|Connection refused/,
    steps: ["upload-keys", "gather-facts"],
    reason: "the installer does not answer at its provisioning address",
    next: "check on the console that the installer has its reserved address, then start a new install",
  },
  {
    fault: "not-installer",
    says: /Kexec failed|Failed to kexec into NixOS installer/,
    reason: "the target is not the installer, so nixos-anywhere tried to replace its kernel",
    next: `find out what runs on that address before anything else; ${netboot}`,
  },
  {
    fault: "wrong-disk",
    says: /Problem opening (\S+) for reading! Error is 2/,
    reason: "disko's configuration names the disk $1, which this node does not have",
    next: "compare `lsblk` on the node with the disk in its inventory entry and its disko.nix, and correct them",
  },
  {
    fault: "old-partition-table",
    says: /target is busy|unable to inform the kernel|Device or resource busy/,
    reason:
      "something on the node holds the disk: an earlier install, or an old RAID, LVM or ZFS on it",
    next: `${netboot}; if it comes back, remove the old partition table on the node (wipefs -a, sgdisk --zap-all)`,
  },
  {
    fault: "slow-device",
    says: /cannot open (\/dev\/disk\/by-partlabel\/\S+)/,
    reason: "the new partition $1 was not there in time",
    next: "start a new install: this is a race in the node's device manager and usually passes",
  },
  {
    fault: "boot-loader",
    says: /efiSysMountPoint = \S+ is not a mounted partition|Failed to install bootloader/i,
    reason: "the boot loader could not be installed, so the disk does not boot",
    next: "check that the node's firmware mode (bios or uefi) and its disko.nix agree on an ESP at /boot, then start a new install",
  },
  {
    fault: "no-configuration",
    says: /does not provide attribute .*nixosConfigurations\."?([^"'`.\s]+)/,
    reason: "the flake has no configuration for the node $1",
    next: "add it to nixosConfigurations in install.flake (and `git add` its files), then start a new install",
  },
  {
    fault: "signature",
    says: /lacks a signature by a trusted key/,
    reason: "the installer's user may not add store paths",
    next: "the installer must let root in by SSH key: rebuild the boot image",
  },
  {
    fault: "no-space",
    says: /No space left on device/,
    steps: ["build-disko", "format-disk"],
    reason: "the installer's RAM disk is full",
    next: "give the node more memory, or set install.offline so that the disk tools are not copied",
  },
  {
    fault: "no-space",
    says: /No space left on device/,
    reason: "no space is left on the node's new file systems",
    next: "check the partition sizes in its disko.nix against the disk",
  },
  {
    fault: "disk-fails",
    says: /(?:Input\/output error|blk_update_request: I\/O error|Buffer I\/O error).*/,
    reason: "the node's disk fails: $0",
    next: "look at `dmesg` and SMART on the node, and replace the disk",
  },
  {
    fault: "no-cache",
    says: /^error:.*(?:unable to download|Could not resolve host|unable to access)|^curl: \(6\)/,
    reason: "a download failed: no binary cache, no source or no network",
    next: "check name resolution and routes of the server and the node, or set install.offline and bring everything along",
  },
  {
    fault: "no-program",
    says: /aborted: no (\S+) command found/,
    reason: "the installer lacks the program $1",
    next: "rebuild the boot image with it",
  },
  {
    fault: "connection-lost",
    says: /Timeout, server \S+ not responding|client_loop: send disconnect|Broken pipe/,
    reason: "the SSH connection was lost: the node lost power, its network or its kernel",
    next: `look at its console and its BMC's power state; the disk is half written, so ${netboot}`,
  },
  {
    fault: "other",
    says: /^aborted: (.+)/,
    reason: "nixos-anywhere refused: $1",
    next: "correct what it names, then start a new install",
  },
];

/** Why the install failed, and what to do next. */
export function explainFailure(
  outcome: InstallOutcome,
  progress: Pick<Progress, "step" | "tail">,
): Explanation {
  if (outcome.kind === "ended" && outcome.exitCode === 127 && progress.step !== "kexec")
    return missingProgram(progress);
  const where = `in step "${stepTitle(progress.step)}"`;
  const lines = progress.tail.filter((line) => !isBuildLog(line));
  for (const row of catalogue) {
    if (row.steps !== undefined && !row.steps.some((step) => step === progress.step)) continue;
    const found = lines.findLast((line) => row.says.test(line));
    const match = found === undefined ? null : row.says.exec(found);
    if (match === null) continue;
    const reason = row.reason.replace(/\$(\d)/, (_, group) => match[Number(group)] ?? "");
    return {
      fault: row.fault,
      reason: `${reason} (${describe(outcome)} ${where})`,
      next: row.next,
    };
  }
  if (progress.step === "kexec")
    return {
      fault: "not-installer",
      reason: "the target is not the installer: nixos-anywhere began to replace its kernel",
      next: `find out what runs on that address before anything else; ${netboot}`,
    };
  const reason = `${describe(outcome)} ${where}: ${lastOf(progress)}`;
  return { fault: "other", reason, next: nextFor(outcome) };
}

// Until the disk is formatted the server's own programs do the work, and the installer runs a shell at most.
const stepsOnServer: readonly Progress["step"][] = [
  undefined,
  "upload-keys",
  "gather-facts",
  "upload-disk-keys",
  "build-disko",
];

/** Exit code 127 is a shell's, on the server as on the installer: the step tells which of the two. */
function missingProgram({ step, tail }: Pick<Progress, "step" | "tail">): Explanation {
  const fault = "no-program";
  const named = tail.findLast((line) => /not found$/.test(line) && !isBuildLog(line));
  const said = named ?? lastOf({ tail });
  if (stepsOnServer.includes(step))
    return {
      fault,
      reason: `a program that the install needs is not on the server: ${said}`,
      next: "correct install.command, or install what it names",
    };
  const rebuilt = "rebuild its image with it";
  return {
    fault,
    reason: `the installer lacks a program (exit code 127 in step "${stepTitle(step)}"): ${said}`,
    // With install.offline nothing that disko needs is brought along.
    next: `${step === "format-disk" ? `${rebuilt}, or unset install.offline` : rebuilt}; then ${netboot}`,
  };
}

function describe(outcome: InstallOutcome): string {
  switch (outcome.kind) {
    case "ended":
      return outcome.exitCode > 128 && outcome.exitCode < 160
        ? `ended by signal ${outcome.exitCode - 128}`
        : `exit code ${outcome.exitCode}`;
    case "overdue":
      return `given up after ${outcome.why},`;
    case "vanished":
      return "the install process is gone without an exit code, last seen";
  }
}

function nextFor(outcome: InstallOutcome): string {
  return outcome.kind === "vanished"
    ? `the server restarted or the process was killed; the disk counts as half written, so ${netboot}`
    : `read the end of the install log; then ${netboot}`;
}

function lastOf(progress: Pick<Progress, "tail">): string {
  return progress.tail.at(-1) ?? "it printed nothing";
}
