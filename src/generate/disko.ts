// A node's disko.nix: how its disk is divided (runbook §5.3), in the runbook's form of a function of the disks.

import type { Node } from "../inventory/schema.ts";
import { installDisks } from "./disks.ts";
import { openedName, passphraseFile } from "./luks.ts";
import { commentLines, described, expression, type Nix, type NixSet, printNix } from "./nix.ts";

type Firmware = Node["firmware"];

/** The text of the node's disko.nix. */
export function diskoFile(node: Node): string {
  const about = `Disks of ${node.fqdn}. Written by rackstrap generate.\nWhat disko writes cannot be taken back: change it before an install, never on a running node.`;
  const disks = `[ ${installDisks(node)
    .map((device) => printNix(device))
    .join(" ")} ]`;
  const devices = printNix({ disko: { devices: devicesOf(node) } });
  return `${commentLines(about)}{ disks ? ${disks}, ... }:\n${devices}\n`;
}

function devicesOf({ layout, firmware }: Node): NixSet {
  const first = expression("builtins.head disks");
  switch (layout.kind) {
    case "single":
      return { disk: { main: disk(first, firmware, { content: ext4("/") }) } };
    case "mirror": {
      const half = { content: { type: "mdraid", name: "root" } };
      const esp = (mountpoint: string) =>
        firmware === "uefi" ? optionalEsp(mountpoint) : undefined;
      return {
        disk: {
          main: gptDisk(first, firmware, { ESP: esp("/boot"), root: half }),
          second: gptDisk(expression("builtins.elemAt disks 1"), firmware, {
            ESP: esp("/boot-second"),
            root: half,
          }),
        },
        mdadm: { root: { type: "mdadm", level: 1, content: ext4("/") } },
      };
    }
    case "lvm": {
      const content = { type: "lvm_pv", vg: "system" };
      const volumes = Object.entries(layout.volumes).map(
        ([name, { size, mountpoint }]): [string, Nix] => [
          name,
          // LVM takes a share of what is left, disko asks for it in these words.
          { size: size === "100%" ? "100%FREE" : size, content: ext4(mountpoint) },
        ],
      );
      return {
        disk: { main: disk(first, firmware, { content }) },
        lvm_vg: { system: { type: "lvm_vg", lvs: Object.fromEntries(volumes) } },
      };
    }
    case "luks": {
      const content = {
        type: "luks",
        name: openedName,
        passwordFile: described(
          "On the installer, in memory: read once, while the disk is formatted",
          passphraseFile,
        ),
        settings: { allowDiscards: true },
        content: ext4("/"),
      };
      return { disk: { main: disk(first, firmware, { content }, sealedEsp) } };
    }
  }
}

/** B11: ESP and root. */
function disk(device: Nix, firmware: Firmware, root: NixSet, esp: NixSet = plainEsp): NixSet {
  return gptDisk(device, firmware, { ESP: esp, root });
}

function gptDisk(
  device: Nix,
  firmware: Firmware,
  { ESP, root }: { readonly ESP: NixSet | undefined; readonly root: NixSet },
): NixSet {
  const partitions = { boot: bootPartition(firmware), ESP, root: { size: "100%", ...root } };
  return { type: "disk", device, content: { type: "gpt", partitions } };
}

/** Where GRUB puts what does not fit into the first sector, on a disk with a GPT. disko installs it on each disk that has one. */
function bootPartition(firmware: Firmware): Nix | undefined {
  if (firmware === "uefi") return undefined;
  return described("For GRUB", { size: "1M", type: "EF02", priority: 1 });
}

function espOf(content: NixSet): NixSet {
  return { size: "1G", type: "EF00", content: { type: "filesystem", format: "vfat", ...content } };
}

const plainEsp = espOf({ mountpoint: "/boot" });
/** The initrd in it carries the sealed passphrase, which only root need read. */
const sealedEsp = espOf({ mountpoint: "/boot", mountOptions: ["umask=0077"] });
/** Either disk of a mirror may be gone: the machine starts without its ESP. */
const optionalEsp = (mountpoint: string) =>
  espOf({ mountpoint, mountOptions: ["nofail", "x-systemd.device-timeout=10s"] });

function ext4(mountpoint: string): NixSet {
  return { type: "filesystem", format: "ext4", mountpoint };
}
