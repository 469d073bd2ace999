// What is looked for in a runbook, as one table: what is unsafe and why, and what the program does itself. A remedy names
// only commands that the program has.

import type { Runbook } from "./runbook.ts";
import type { Command } from "./shell.ts";
import {
  blankSteps,
  datedRestores,
  imagesWithoutInit,
  impossibleNetworks,
  isNixosAnywhere,
  keyModes,
  manyBootstraps,
  misplacedWorkers,
  missingArchitectures,
  missingProxyPort,
  type Place,
  plainWaits,
  raftArchives,
  reinstalls,
  rollbacksAfterTest,
  sharedPorts,
  wrongStopOrder,
} from "./traps.ts";

export type Severity = "unsafe" | "replaced";

/** One command at a time: all that is given must hold of it. */
interface OneCommand {
  readonly program: RegExp | ((command: Command) => boolean);
  readonly has?: RegExp;
  readonly lacks?: RegExp;
}

export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  readonly finds: OneCommand | ((runbook: Runbook) => readonly Place[]);
  readonly message: string;
  readonly remedy: string;
}

const unpolled = ({ name, loops }: Command) =>
  name === "sleep" && !loops.some((loop) => loop !== "for");
const expandsPid = ({ words, nested }: Command) =>
  !nested && words.some(({ live }) => /\$\$[A-Za-z_{]/.test(live));
const insecureCurl = ({ name, words }: Command) =>
  (name === "curl" &&
    words.some(({ text }) => text === "--insecure" || /^-[A-Za-z]*k[A-Za-z]*$/.test(text))) ||
  (name === "wget" && words.some(({ text }) => text === "--no-check-certificate"));
const passwordInArguments = ({ name, words }: Command) =>
  (name === "ipmitool" && words.some(({ text }) => /^-P/.test(text))) ||
  (name === "sshpass" && words.some(({ text }) => /^-p/.test(text))) ||
  (name === "curl" &&
    words.some(
      ({ text }, i) => /^(?:-u|--user)$/.test(text) && /:[^$]/.test(words[i + 1]?.text ?? ""),
    ));

const unsafe: readonly Omit<Rule, "severity">[] = [
  {
    id: "persistent-network-boot",
    finds: {
      program: /^(?:ipmitool|curl|redfishtool)$/,
      has: /options=[\w,]*persistent|"?Continuous"?/,
    },
    message:
      "a lasting network boot enters the installer again at every reboot, and wipes the node that it finds",
    remedy:
      "order the boot for one time: `rackstrap provision` does, and turns a machine away from the installer that nobody armed",
  },
  {
    id: "shell-pid",
    finds: { program: expandsPid },
    message:
      "$$ is the process number of the shell: $$node becomes 4711node, and the command goes to no such host",
    remedy: 'write one $, as in "root@$node.example.com"',
  },
  {
    id: "wait-forgets-failures",
    finds: plainWaits,
    message:
      "wait without a job returns 0 even when every background command failed, so the line behind it says success",
    remedy:
      "`rackstrap provision` takes several nodes, follows each, and says with its exit code how many failed",
  },
  {
    id: "rollback-after-test",
    finds: rollbacksAfterTest,
    message:
      "nixos-rebuild test makes no generation: switch --rollback goes to the one before the running one, which is one too far",
    remedy:
      "to undo a test, switch to the generation that is in force: nixos-rebuild switch without --rollback, or reboot",
  },
  {
    id: "lasting-rollback",
    finds: { program: /^nixos-rebuild$/, has: /\bboot\b.*--rollback/ },
    message:
      "boot --rollback is no trial for one boot: the older generation stays the default until somebody changes it",
    remedy:
      "choose the older generation in the boot menu for one boot, or write down that this one is lasting",
  },
  {
    id: "quorum-by-list-length",
    finds: { program: /^(?:jq|echo)$/, has: /members\s*\|\s*length/ },
    message:
      "the length of the member list counts dead members, too: a cluster without a quorum has the same length",
    remedy: "`rackstrap cluster status` counts healthy voters against the majority, on both layers",
  },
  {
    id: "unchecked-member-removal",
    finds: { program: /^curl$/, has: /\bDELETE\b.*\/admin\/member\// },
    message:
      "a voter is removed without counting how many healthy ones are left: one more failure and nothing can be written",
    remedy:
      "see `rackstrap cluster status` first: remove only when the healthy voters that remain are a majority of all voters",
  },
  {
    id: "second-cluster",
    finds: manyBootstraps,
    message:
      "a node with bootstrap true founds a cluster: several of them, or one that comes back, make a second one beside the first",
    remedy:
      "`rackstrap provision` asks the live cluster at each first boot, and a node joins whenever a member answers",
  },
  {
    id: "reinstall-with-old-files",
    finds: reinstalls,
    message:
      "the removed node is installed from the files that it was founded with: with bootstrap true in them it founds a second cluster",
    remedy: "`rackstrap provision` writes its cluster-config.json anew from the live cluster",
  },
  {
    id: "live-raft-archive",
    finds: raftArchives,
    message:
      "Raft data copied from a running service, or unpacked over what is there, is a mixture of two moments: members may come back with a log that never was",
    remedy:
      "take the snapshot that the service itself makes, and restore into an empty directory with the service stopped on all members",
  },
  {
    id: "restore-by-todays-date",
    finds: datedRestores,
    message:
      "the archive's name is made of the day of the restore and not of the backup: the file is not there, after the data was deleted",
    remedy: "name the archive, and test that it can be read before anything is deleted",
  },
  {
    id: "install-without-secrets",
    finds: { program: isNixosAnywhere, lacks: /--extra-files/ },
    message:
      "without --extra-files the node gets no certificates and no cluster-config.json: its first boot fails or starts without TLS",
    remedy: "`rackstrap provision` hands them over with their modes",
  },
  {
    id: "unchecked-tls",
    finds: { program: insecureCurl },
    message:
      "the server's certificate is not checked: anybody on the network can answer, and read what is sent",
    remedy: "curl --cacert ca-cert.pem; `rackstrap cluster status` checks it",
  },
  {
    id: "certificate-without-names",
    finds: {
      program: /^openssl$/,
      has: /^(?!.*\s-x509\s).*\breq\s+.*-subj|\bx509\s+-req\b/,
      lacks: /subjectAltName|-extfile|-copy_extensions|-addext|-config/,
    },
    message:
      "a certificate with a common name alone names no host: TLS clients look at the subject alternative names and refuse it",
    remedy: "give it DNS and IP names with -addext or -extfile subjectAltName=…",
  },
  {
    id: "password-in-arguments",
    finds: { program: passwordInArguments },
    message:
      "every user of this host can read the password in the list of processes, and it stays in the shell's history",
    remedy:
      "`rackstrap power`, `rackstrap bmc boot` and `rackstrap console` read it from where the inventory refers to; ipmitool itself has -E and -f",
  },
  {
    id: "password-left-out",
    finds: { program: /^ipmitool$/, has: /\s-U\s/, lacks: /\s-[PEf]/ },
    message:
      "ipmitool asks for the password at this point: in a script it waits for ever, or logs in with an empty one",
    remedy: "`rackstrap power` and `rackstrap bmc boot` read it from where the inventory refers to",
  },
  {
    id: "fixed-sleep",
    finds: { program: unpolled },
    message:
      "a fixed time is too short for one machine and wasted on another; what follows runs whether the machine is there or not",
    remedy:
      "`rackstrap provision` waits for each stage itself, with a limit and a reason; elsewhere ask in a loop until it answers",
  },
  {
    id: "stop-order",
    finds: wrongStopOrder,
    message:
      "flaredb needs chainfire: stopped first or together, it writes into a store that is gone, and a leader among them is lost without a hand-over",
    remedy:
      "see with `rackstrap cluster status` that this node leads neither; stop flaredb, then chainfire, and wait until the others are healthy",
  },
  {
    id: "impossible-network",
    finds: impossibleNetworks,
    message:
      "there is no such address: an octet is at most 255, and a prefix at most 32. The firewall refuses the whole file, or matches nothing",
    remedy:
      "choose another network, for VLAN 300 such as 10.3.0.0/24; `rackstrap check` names what it finds in the inventory",
  },
  {
    id: "shared-port",
    finds: sharedPorts,
    message:
      "the service has the port of the boot server: where both run on one host the second one does not start",
    remedy:
      "give one of them another port: server.httpPort of the inventory, or the port of the service",
  },
  {
    id: "worker-among-control",
    finds: misplacedWorkers,
    message:
      "a worker is installed at an address that the plan keeps for the control plane, where it will meet the next control node",
    remedy: "give it an address of the workers' range as provisioningAddress",
  },
  {
    id: "blank-step",
    finds: blankSteps,
    message: "a step is left blank: the commands behind it run as if it had been done",
    remedy: "write the commands, or stop the script at this point",
  },
  {
    id: "image-without-init",
    finds: imagesWithoutInit,
    message:
      "a netboot image starts only with init= and the kernel arguments that were built with it, and these are written nowhere",
    remedy:
      "`rackstrap assets import` takes them from the build and puts them into each boot script",
  },
  {
    id: "missing-architectures",
    finds: missingArchitectures,
    message:
      "arm64 (11) and UEFI HTTP boot (15, 16, 19) have no rule: such a machine is given the loader of another one and hangs",
    remedy:
      "`rackstrap serve` has a loader for each architecture: see `rackstrap explain` for a machine",
  },
  {
    id: "missing-proxy-port",
    finds: missingProxyPort,
    message:
      "udp 4011 is not opened: PXE firmware asks there when another server gives the addresses",
    remedy: "open udp 67, 69 and 4011, and the boot server's tcp port",
  },
  {
    id: "key-modes",
    finds: keyModes,
    message:
      "private keys have another mode here than further up: one of the two is undone at every deployment",
    remedy: "0600 for the owner that reads the key, everywhere",
  },
];

const services = "(?:isc-dhcp-server|dhcpd4?|kea-dhcp4\\S*|atftpd|tftpd-hpa|dnsmasq|nginx)";
const clusterUrl = "/admin/(?:cluster/(?:members|leader)|member/add)";

const replaced: readonly Omit<Rule, "severity">[] = [
  {
    id: "bmc-boot-device",
    finds: { program: /^ipmitool$/, has: /\bbootdev\b|\bbootparam\b/ },
    message: "the boot device is set through the BMC",
    remedy:
      "`rackstrap provision` sets it, reads it back and starts the machine; by hand: `rackstrap bmc boot`",
  },
  {
    id: "bmc-power",
    finds: {
      program: /^(?:ipmitool|racadm)$/,
      has: /\bpower\s+(?:on|off|cycle|reset|soft|status)\b|serveraction/,
    },
    message: "the machine is switched through its BMC",
    remedy:
      "`rackstrap power on`, `rackstrap power off`, `rackstrap power cycle`, `rackstrap power status`",
  },
  {
    id: "serial-console",
    finds: { program: /^ipmitool$/, has: /\bsol\s+(?:activate|deactivate)\b/ },
    message: "the serial console is opened",
    remedy: "`rackstrap console`, which also has what was printed during the last install",
  },
  {
    id: "bmc-queries",
    finds: { program: /^ipmitool$/, has: /\b(?:sdr|sensor|sel|fru|mc info|chassis identify)\b/ },
    message: "the BMC is asked",
    remedy:
      "`rackstrap bmc info`, `rackstrap bmc sensors`, `rackstrap bmc events`, `rackstrap bmc identify`",
  },
  {
    id: "install",
    finds: { program: isNixosAnywhere },
    message: "a node is installed",
    remedy:
      "`rackstrap provision`: network boot, install, first boot and join, each awaited and checked",
  },
  {
    id: "disk-wipe",
    finds: { program: /^(?:wipefs|sgdisk)$/ },
    message: "a disk is wiped by hand",
    remedy: "`rackstrap provision` wipes the node's install disk and no other",
  },
  {
    id: "dhcp-check",
    finds: { program: /^(?:dhcpd|kea-dhcp4)$/, has: /\s-[tT]\b/ },
    message: "the DHCP configuration is checked",
    remedy:
      "`rackstrap inventory import` takes the file over, `rackstrap check` checks the inventory",
  },
  {
    id: "boot-services",
    finds: { program: /^systemctl$/, has: new RegExp(`\\b${services}(?:\\.service)?\\b`) },
    message: "DHCP, TFTP and HTTP for network boot are services of their own",
    remedy: "`rackstrap serve` is all three; `rackstrap check` tells how they are",
  },
  {
    id: "boot-logs",
    finds: {
      program: /^(?:journalctl|tcpdump|nmap)$/,
      has: new RegExp(`\\b${services}\\b|port\\s+(?:67|69|4011)\\b|broadcast-dhcp`),
    },
    message: "it is watched whether machines ask and what they are given",
    remedy: "`rackstrap events`, and `rackstrap explain` for one machine",
  },
  {
    id: "leases",
    finds: {
      program: /^(?:tail|cat|less|grep|watch)$/,
      has: /dhcpd\.leases|dnsmasq\.leases|kea-leases/,
    },
    message: "the leases are looked up",
    remedy: "`rackstrap leases`",
  },
  {
    id: "boot-downloads",
    finds: {
      program: /^(?:tftp|curl|wget)$/,
      has: /undionly|ipxe\.efi|snponly|boot\.ipxe|^curl (?:\S+ )*http:\/\/[^/\s]+:8080\/health$/,
    },
    message: "it is tried whether loaders and scripts can be fetched",
    remedy:
      "`rackstrap check` asks the running server, `rackstrap render` prints what a node would be given",
  },
  {
    id: "images",
    finds: {
      program: /^(?:build-images\.sh|cp|scp|rsync|ls|curl)$/,
      has: /build-images\.sh.*--deploy|pxe-boot\/nixos|\/boot\/nixos\//,
    },
    message: "images are brought to the boot server and compared by hand",
    remedy:
      "`rackstrap assets import` takes a build into the store, `rackstrap assets verify` reads every file",
  },
  {
    id: "cluster-queries",
    finds: { program: /^curl$/, has: new RegExp(clusterUrl) },
    message: "members and leader are asked for, or a member is added by hand",
    remedy:
      "`rackstrap cluster status`; a node that `rackstrap provision` installs joins by itself",
  },
  {
    id: "join-logs",
    finds: { program: /^journalctl$/, has: /cluster-join/ },
    message: "the first boot is followed in the node's journal",
    remedy: "`rackstrap provision` follows it; `rackstrap operations show` tells what became of it",
  },
  {
    id: "cluster-config",
    finds: { program: /^(?:cp|scp|vim?|nano)$/, has: /cluster-config[\w-]*\.json/ },
    message: "cluster-config.json is written and copied by hand",
    remedy: "`rackstrap provision` makes it for each node from the inventory and the live cluster",
  },
  {
    id: "machine-list",
    finds: { program: /^(?:vim?|nano|jq|cat)$/, has: /\binventory\.json\b/ },
    message: "the list of machines is a file of its own",
    remedy: "`rackstrap inventory import` takes it over; `rackstrap nodes` lists them",
  },
];

/** All rules; the order is that of the report. */
export const rules: readonly Rule[] = [
  ...unsafe.map((rule) => ({ ...rule, severity: "unsafe" as const })),
  ...replaced.map((rule) => ({ ...rule, severity: "replaced" as const })),
];
