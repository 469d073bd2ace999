// What the virtual rack needs of the machine it runs on, checked before anything is made.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RackNetwork } from "./neighbours.ts";

// Programs are looked for in PATH, files where Debian puts them.
const needed = [
  ["ip", "iproute2"],
  ["radvd", "radvd"],
  ["ipmitool", "ipmitool"],
  ["ipmi_sim", "openipmi"],
  ["ssh-keygen", "openssh-client"],
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"],
  ["/usr/lib/ipxe/snponly.efi", "ipxe"],
] as const;

type Needed = readonly (readonly [item: string, packageName: string])[];

const neededForNetwork: Readonly<Record<RackNetwork, Needed>> = {
  plain: [],
  relayed: [["dhcrelay", "isc-dhcp-relay"]],
  "foreign-dhcp": [["dnsmasq", "dnsmasq-base"]],
};

const neededForArm64: Needed = [
  ["qemu-system-aarch64", "qemu-system-arm"],
  ["/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64"],
];

/** Throws one sentence that says what is missing for such a rack and what to do about it. */
export function checkRequirements(network: RackNetwork, arm64: boolean): void {
  if (process.getuid?.() !== 0)
    throw new Error("the virtual rack makes network namespaces: run it as root");
  if (!existsSync("/dev/net/tun"))
    throw new Error(
      "/dev/net/tun is missing: load the kernel module tun, or give the container that device",
    );
  const folders = (process.env["PATH"] ?? "").split(":");
  const present = (item: string) =>
    item.startsWith("/")
      ? existsSync(item)
      : folders.some((folder) => existsSync(join(folder, item)));
  const packages = [...needed, ...neededForNetwork[network], ...(arm64 ? neededForArm64 : [])]
    .filter(([item]) => !present(item))
    .map(([, name]) => name);
  if (packages.length > 0)
    throw new Error(`Debian packages are missing: apt-get install ${packages.join(" ")}`);
}
