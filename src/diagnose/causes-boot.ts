// The causes that keep a machine from its first boot off its own disk, in the order of the stages. Data only: boot-stages.ts finds
// which one it is, docs/diagnose.md is made of it.

import type { Causes } from "./cause.ts";

const provision = "rackstrap provision {node}";
const watch = "rackstrap console {node} --read-only";
// Its set-up menu, at the next start and no other.
const setUp = "rackstrap bmc boot {node} bios";
const events = "rackstrap events {node}";

export const bootCauses = {
  // a machine in no inventory
  "never-heard": {
    runbook: "C13",
    means: "no machine with this MAC was heard: another MAC, PXE off, cable, VLAN or a relay",
    confidence: "possible",
    next: "rackstrap discovered",
  },
  undeclared: {
    means: "the machine is in no inventory: it gets an address and nothing to install",
    confidence: "certain",
    next: "rackstrap accept {mac} --as NAME --profile PROFILE",
  },
  retired: {
    means: "the machine is retired: it gets no address and nothing to boot",
    confidence: "certain",
    next: "rackstrap discovered {mac}",
  },
  "card-of-node": {
    means:
      "it is another card of a declared node, which is installed by the card of its entry alone",
    confidence: "certain",
    next: "rackstrap diagnose {node}",
  },
  // power
  "bmc-login": {
    means: "the BMC does not take the user or password that the inventory refers to",
    confidence: "certain",
    next: "rackstrap bmc probe {node}",
  },
  "bmc-unreachable": {
    means: "nothing answers at the BMC's address: address, cable, VLAN, or the protocol is off",
    confidence: "certain",
    next: "ping -c 3 {bmc}",
  },
  "never-provisioned": {
    means: "nobody has asked for an install of this node yet",
    confidence: "certain",
    next: provision,
  },
  "powered-off": {
    means: "the machine is switched off",
    confidence: "certain",
    next: "rackstrap power on {node}",
  },
  // dhcp
  "dhcp-down": {
    runbook: "C13",
    means: "this server's DHCP does not run",
    confidence: "certain",
    next: "journalctl -u rackstrap -n 100 --no-pager",
  },
  "server-interface": {
    runbook: "C13",
    means: "DHCP is served on an interface that is missing, has no link, or lacks the address",
    confidence: "likely",
    next: "rackstrap check --only network",
  },
  "server-firewall": {
    runbook: "C13",
    means: "this server's firewall lets no rule in for DHCP (67), TFTP (69) or the boot plane",
    confidence: "likely",
    next: "rackstrap check --only network",
  },
  "second-dhcp-server": {
    means: "another DHCP server answers in this network, and machines follow whichever is first",
    confidence: "likely",
    next: "rackstrap check --only network",
  },
  "pxe-off": {
    runbook: "C13",
    means:
      "the machine starts and does not boot from the network: PXE is off, not first, or of another firmware mode",
    confidence: "likely",
    next: setUp,
  },
  "not-heard": {
    runbook: "C13",
    means: "the machine is on and silent: cable, switch port, VLAN, a relay, or PXE is off",
    confidence: "possible",
    next: watch,
  },
  "dhcp-refused": {
    means: "the machine was heard and given no address",
    confidence: "certain",
    next: events,
  },
  "address-taken": {
    means: "another machine uses the address that is reserved for the node",
    confidence: "certain",
    next: "ping -c 3 {provisioning}",
  },
  // tftp
  "tftp-down": {
    means: "this server's TFTP does not run",
    confidence: "certain",
    next: "journalctl -u rackstrap -n 100 --no-pager",
  },
  "loader-missing": {
    means: "the boot loader of the machine's firmware is missing or damaged in the asset directory",
    confidence: "certain",
    next: "rackstrap assets loaders",
  },
  "loader-of-another": {
    means: "the boot loader in the asset directory is made for another firmware or architecture",
    confidence: "certain",
    next: "rackstrap assets loaders",
  },
  "no-loader": {
    means: "there is no boot file for the architecture that the machine names",
    confidence: "certain",
    next: "rackstrap explain {node}",
  },
  "loader-not-fetched": {
    runbook: "C13",
    means:
      "the machine has its address and did not fetch the loader: TFTP is blocked on the way (69 and the ports after it)",
    confidence: "possible",
    next: "rackstrap check --only network",
  },
  "transfer-broken": {
    means: "the transfer of the loader broke off",
    confidence: "likely",
    next: events,
  },
  // http
  "http-down": {
    means: "this server's boot plane does not run",
    confidence: "certain",
    next: "journalctl -u rackstrap -n 100 --no-pager",
  },
  "image-missing": {
    means: "the kernel or initrd of the node's profile is missing or damaged",
    confidence: "certain",
    next: "rackstrap assets verify",
  },
  "script-fault": {
    means: "the node's boot script can't be made",
    confidence: "certain",
    next: "rackstrap check --only boot-server",
  },
  "secure-boot": {
    means: "the firmware refuses the loader: Secure Boot is on and the loader is not signed for it",
    confidence: "certain",
    next: setUp,
  },
  "loader-does-not-run": {
    means:
      "the loader was fetched and does not run: made for another architecture or firmware, or no driver for the card",
    confidence: "likely",
    next: watch,
  },
  "script-not-fetched": {
    means: "iPXE runs and did not fetch the machine's script",
    confidence: "possible",
    next: watch,
  },
  "sent-to-disk": {
    means: "the machine was sent to its own disk: no install is armed for it",
    confidence: "certain",
    next: "rackstrap explain {node}",
  },
  "boot-refused": {
    means:
      "the machine asked for what it is not given: by another address, or with an old permission",
    confidence: "certain",
    next: events,
  },
  "image-not-fetched": {
    means: "the machine has its script and did not fetch kernel and initrd whole",
    confidence: "likely",
    next: events,
  },
  "keys-not-fetched": {
    means:
      "the machine has its image and did not come for its keys: it ran out of memory, or the download broke off",
    confidence: "possible",
    next: watch,
  },
  // installer
  "kernel-panicked": {
    means: "the kernel of the installer stopped",
    confidence: "certain",
    next: "rackstrap console {node} --log",
  },
  "kernel-silent": {
    means: "the installer's kernel was started and does not use the network",
    confidence: "possible",
    next: "rackstrap console {node} --log",
  },
  "installer-silent": {
    means: "the installer has an address and SSH does not answer there",
    confidence: "possible",
    next: watch,
  },
  "installer-key": {
    means:
      "the installer does not accept the provisioning SSH key: its image ignores the key archive, or install.sshKey was changed since it booted",
    confidence: "certain",
    next: "rackstrap check --only workstation",
  },
  "installer-host-key": {
    means:
      "somebody else than the installer answers at the provisioning address: an earlier system, another machine, or an image that ignores its host key",
    confidence: "certain",
    next: watch,
  },
  "not-installer": {
    means: "what answers at the provisioning address is no NixOS installer",
    confidence: "certain",
    next: "rackstrap explain {node}",
  },
  "other-machine": {
    means: "another machine than the declared one answers at the provisioning address",
    confidence: "certain",
    next: "rackstrap drift {node}",
  },
  "firmware-differs": {
    means:
      "the machine booted by another firmware mode than the inventory declares: the installed system would not boot",
    confidence: "certain",
    next: "rackstrap drift {node}",
  },
  "disk-absent": {
    runbook: "C12",
    means: "the machine has no disk, or not one, that the inventory's entry means",
    confidence: "certain",
    next: "rackstrap drift {node}",
  },
  "operation-failed": {
    means: "the operation stopped before that stage, for the reason that it names",
    confidence: "certain",
    next: "rackstrap operations show {operation}",
  },
  // install
  "install-under-way": {
    means: "the install runs and has not ended",
    confidence: "certain",
    next: "rackstrap operations show {operation}",
  },
  "install-cancelled": {
    means: "the install was cancelled; the disk counts as half written",
    confidence: "certain",
    next: provision,
  },
  "install-wrong-disk": {
    runbook: "C12",
    means: "the disk that disko is to format is not on the machine",
    confidence: "certain",
    next: "rackstrap drift {node}",
  },
  "install-old-partitions": {
    runbook: "C12",
    means: "an old partition table, RAID, LVM or ZFS, or an earlier install, holds the disk",
    confidence: "certain",
    next: "ssh root@{provisioning} lsblk -f",
  },
  "install-no-space": {
    runbook: "C12",
    means: "no space is left, in the installer's memory or on the new file systems",
    confidence: "certain",
    next: "ssh root@{provisioning} df -h",
  },
  "install-no-cache": {
    runbook: "C12",
    means: "no binary cache, no source or no network: a download failed",
    confidence: "certain",
    next: "rackstrap check --only nodes",
  },
  "install-disk-fails": {
    runbook: "C12",
    means: "the machine's disk reports errors",
    confidence: "certain",
    next: "ssh root@{provisioning} dmesg --level=err",
  },
  "install-key": {
    means: "the installer stopped accepting the provisioning key, or shows another host key",
    confidence: "likely",
    next: "rackstrap check --only workstation",
  },
  "install-connection": {
    means: "the machine was lost during the install: power, network or kernel",
    confidence: "likely",
    next: "rackstrap console {node} --log",
  },
  "install-flake": {
    means: "the site's flake has no configuration that this node can be installed with",
    confidence: "certain",
    next: "rackstrap check --only nodes",
  },
  "install-program": {
    means:
      "a program that the install needs is missing, on this server or in the installer's image",
    confidence: "certain",
    next: "rackstrap check --only workstation",
  },
  "install-boot-loader": {
    means: "the boot loader could not be written: firmware mode and partitions do not agree",
    confidence: "likely",
    next: "rackstrap drift {node}",
  },
  "install-failed": {
    means: "the install ended for a reason that its log alone tells",
    confidence: "possible",
    next: "rackstrap operations show {operation}",
  },
} as const satisfies Causes;
