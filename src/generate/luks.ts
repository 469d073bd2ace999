// What a machine with an encrypted root needs to open it by itself: Clevis, the sealed passphrase, and the network in the
// initrd, with which it asks the Tang servers (runbook: LUKS; requirements F21).

import { secretsDirectory } from "../install/extra-files.ts";
import { bootNetworks } from "../inventory/networks.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { cidrContains } from "../net/cidr.ts";
import type { Section } from "./module.ts";
import { described, type NixSet } from "./nix.ts";

/** The passphrase on the installer while the disk is formatted; in memory there, and gone with its restart. */
export const passphraseFile = "/run/rackstrap/luks-passphrase";
/** The same passphrase as `clevis encrypt` sealed it for the Tang servers. */
const sealedFile = `${secretsDirectory}/root.jwe`;
/** The name of the opened device. */
export const openedName = "root";

/** Drivers of the cards in the servers of runbook §2.3, and of virtual machines. */
export const cardModules = [
  ...["igb", "ixgbe", "i40e", "ice", "e1000e", "tg3", "bnxt_en", "mlx4_en", "mlx5_core", "r8169"],
  "virtio_net",
];

export function luksSections(inventory: Inventory, node: Node): readonly Section[] {
  const { layout } = node;
  if (layout.kind !== "luks") return [];
  const servers = layout.tang.map(({ url, thumbprint }) => `${url} (${thumbprint})`);
  const why = `Root is opened by ${layout.threshold} of these Tang servers:\n${servers.join("\n")}`;
  const device: NixSet = {
    secretFile: described("A text, not a path of Nix: so it stays out of the store", sealedFile),
  };
  const initrd = (settings: NixSet): NixSet => ({ boot: { initrd: settings } });
  return [
    {
      why,
      settings: [
        initrd({ clevis: { enable: true, useTang: true, devices: { [openedName]: device } } }),
        initrd({ systemd: { enable: true } }),
      ],
    },
    {
      why: "The card that the machine boots from, told by its MAC: names come later",
      settings: [initrd({ systemd: { network: initrdNetwork(inventory, node) } })],
    },
  ];
}

function initrdNetwork(inventory: Inventory, { mac, provisioningAddress }: Node): NixSet {
  const home =
    bootNetworks(inventory).find(({ settings }) => cidrContains(settings.cidr, provisioningAddress))
      ?.settings ?? inventory.networks.provisioning;
  const network: NixSet = {
    matchConfig: { MACAddress: mac },
    address: [`${provisioningAddress}/${home.cidr.prefix}`],
    gateway: home.gateway === undefined ? undefined : [home.gateway],
    dns: home.dns.length === 0 ? undefined : home.dns,
  };
  return { enable: true, networks: { "10-unlock": network } };
}
