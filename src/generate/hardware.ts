// A node's hardware.nix: drivers, microcode, the way its firmware starts it, and the devices that disko.nix writes to.

import type { Inventory, Node } from "../inventory/schema.ts";
import { installDisks, linkFolder } from "./disks.ts";
import type { HardwareFacts } from "./facts.ts";
import { cardModules, luksSections } from "./luks.ts";
import { printModule, type Section } from "./module.ts";
import { expression, type NixSet } from "./nix.ts";

// Disks and their controllers of the servers in runbook §2.3, and of virtual machines. A module that a kernel does not
// have fails the build, so arm64 gets none of the controllers that are sold for x86-64 only.
const everywhere = [
  "nvme",
  "ahci",
  "sd_mod",
  "xhci_pci",
  "usbhid",
  "usb_storage",
  "virtio_pci",
  "virtio_blk",
  "virtio_scsi",
];
const usualModules = {
  "x86_64-linux": [
    ...everywhere,
    "ehci_pci",
    "megaraid_sas",
    "mpt3sas",
    "hpsa",
    "smartpqi",
    "aacraid",
  ],
  "aarch64-linux": everywhere,
};

/** The text of the node's hardware.nix; `facts` is what was seen of its machine. */
export function hardwareFile(inventory: Inventory, node: Node, facts: HardwareFacts): string {
  return printModule({
    about: `Hardware of ${node.fqdn}. Written by rackstrap generate.`,
    takes: "{ lib, ... }",
    sections: [
      {
        why: "The disks that disko.nix writes to. A module gets this value: its own default is for the disko command",
        settings: [{ _module: { args: { disks: installDisks(node) } } }],
      },
      {
        why:
          facts.initrdModules === undefined
            ? "Not seen yet: what common servers need to find their disks"
            : "As seen on the machine",
        settings: [
          { boot: { initrd: { availableKernelModules: initrdModules(node, facts) } } },
          { hardware: { enableRedistributableFirmware: true, cpu: microcode(facts) } },
          { nixpkgs: { hostPlatform: expression(`lib.mkDefault "${systemOf(facts)}"`) } },
        ],
      },
      ...virtualisation(facts),
      loaderSection(node),
      ...mirrorSections(node),
      ...linkSections(node),
      ...luksSections(inventory, node),
    ],
  });
}

const systemOf = ({ system }: HardwareFacts) => system ?? "x86_64-linux";

function initrdModules({ layout }: Node, facts: HardwareFacts): readonly string[] {
  const disks = facts.initrdModules ?? usualModules[systemOf(facts)];
  return [...new Set([...disks, ...(layout.kind === "luks" ? cardModules : [])])];
}

function microcode(facts: HardwareFacts): NixSet | undefined {
  const { cpu } = facts;
  if (systemOf(facts) !== "x86_64-linux") return undefined;
  const makers = cpu === undefined ? ["intel", "amd"] : [cpu];
  return Object.fromEntries(makers.map((maker) => [maker, { updateMicrocode: true }]));
}

function virtualisation({ cpu }: HardwareFacts): readonly Section[] {
  return cpu === undefined ? [] : [{ settings: [{ boot: { kernelModules: [`kvm-${cpu}`] } }] }];
}

/**
 * The firmware's boot order stays as it is, the network first (runbook §2.4): at each start the server says whether the
 * machine installs or boots its disk. A loader that puts itself first would take that away, and with it every install
 * that no BMC orders. So it is found by its default path, EFI/BOOT/BOOTX64.EFI.
 */
function loaderSection({ firmware, layout }: Node): Section {
  if (firmware === "bios")
    return {
      why: "BIOS: GRUB, in the partition of type EF02. disko names its disks",
      settings: [{ boot: { loader: { grub: { enable: true } } } }],
    };
  const untouched = { canTouchEfiVariables: false };
  if (layout.kind === "mirror")
    return {
      why: "UEFI, and each disk starts by itself: GRUB writes both ESPs, systemd-boot knows one.\nThe boot order of the firmware stays: the network comes first, and the server sends the machine on to its disk",
      settings: [
        { boot: { loader: { grub: mirroredGrub } } },
        { boot: { loader: { efi: untouched } } },
      ],
    };
  return {
    why: "UEFI. The boot order of the firmware stays: the network comes first, and the server sends the machine on to its disk",
    settings: [
      {
        boot: {
          loader: { "systemd-boot": { enable: true, editor: false, configurationLimit: 10 } },
        },
      },
      { boot: { loader: { efi: untouched } } },
    ],
  };
}

const mirroredGrub: NixSet = {
  enable: true,
  efiSupport: true,
  efiInstallAsRemovable: true,
  configurationLimit: 10,
  mirroredBoots: [
    { path: "/boot", devices: ["nodev"] },
    { path: "/boot-second", devices: ["nodev"] },
  ],
};

function mirrorSections({ layout }: Node): readonly Section[] {
  return layout.kind === "mirror"
    ? [
        {
          why: "A mirror that has lost a disk says so; mdadm wants to know where",
          settings: [{ boot: { swraid: { mdadmConf: "MAILADDR root\n" } } }],
        },
      ]
    : [];
}

/** GRUB is written again with each new generation, long after the installer's link to the disk is gone. */
function linkSections({ firmware, disk, layout }: Node): readonly Section[] {
  if (firmware !== "bios") return [];
  const selectors = layout.kind === "mirror" ? [disk, layout.second] : [disk];
  const rules = installDisks({ disk, layout }).flatMap((device, index) => {
    const serial = selectors[index]?.serial ?? "";
    const known = device.startsWith(linkFolder) && /^[A-Za-z0-9._-]+$/.test(serial);
    return known ? [udevRule(serial, device.slice("/dev/".length))] : [];
  });
  if (rules.length === 0) return [];
  return [
    {
      why: "Disks by their serial numbers, for GRUB",
      settings: [{ services: { udev: { extraRules: rules.join("") } } }],
    },
  ];
}

function udevRule(serial: string, link: string): string {
  return `SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", ENV{ID_SERIAL_SHORT}=="${serial}", SYMLINK+="${link}"\n`;
}
