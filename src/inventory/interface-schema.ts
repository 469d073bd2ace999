// A node's network interfaces as written: cards, bonds of cards, VLANs on either. What they amount to is in interfaces.ts.

import { z } from "zod";
import { interfaceName, ipv4, mac } from "./values.ts";

const attachment = {
  /** Which of the site's networks it has an address of. */
  network: z.enum(["provisioning", "production", "management", "client"]).optional(),
  /** Its address there; in provisioning and production it is the node's own. */
  address: ipv4.optional(),
  mtu: z.int().min(576).max(65535).optional(),
};

const nic = z.strictObject({ ...attachment, mac: mac.optional() });

const bond = z.strictObject({
  ...attachment,
  members: z.array(interfaceName).min(1),
  /** As the kernel's bonding driver names them. */
  mode: z
    .enum(["active-backup", "802.3ad", "balance-rr", "balance-xor", "balance-tlb", "balance-alb"])
    .default("active-backup"),
});

const vlan = z.strictObject({
  ...attachment,
  id: z.int().min(1).max(4094),
  /** The card or bond that carries it. */
  link: interfaceName,
});

export const nics = z.record(interfaceName, nic);
export const bonds = z.record(interfaceName, bond);
export const vlans = z.record(interfaceName, vlan);
