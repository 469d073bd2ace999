// The interfaces that a node is to have, with their addresses. Pure.

import type { Cidr } from "../net/cidr.ts";
import { cidrContains } from "../net/cidr.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { bootNetworks } from "./networks.ts";
import type { Inventory, Node } from "./schema.ts";

export type NetworkName = "provisioning" | "production" | "management" | "client";

export interface NodeInterface {
  readonly name: string;
  readonly kind: "nic" | "bond" | "vlan";
  readonly network?: NetworkName | undefined;
  readonly address?: Ipv4 | undefined;
  /** The network that the address lies in. */
  readonly cidr?: Cidr | undefined;
  readonly mtu?: number | undefined;
  /** Of a card. */
  readonly mac?: Mac | undefined;
  /** Of a bond. */
  readonly members?: readonly string[] | undefined;
  readonly mode?: string | undefined;
  /** Of a VLAN. */
  readonly id?: number | undefined;
  readonly link?: string | undefined;
}

type Plan = Pick<Node, "nics" | "bonds" | "vlans">;

/** Runbook §5.3: eth0 faces the provisioning network, eth1 the production network. */
export const usualNics: Plan["nics"] = {
  eth0: { network: "provisioning" },
  eth1: { network: "production" },
};

/** The node's interfaces: cards, bonds, VLANs, each group in the order of the file. */
export function interfacesOf(inventory: Inventory, node: Node): readonly NodeInterface[] {
  const { bonds, vlans } = node;
  const nics = Object.keys(node.nics).length === 0 ? usualNics : node.nics;
  const settle = (
    name: string,
    kind: NodeInterface["kind"],
    written: Omit<NodeInterface, "name" | "kind" | "cidr">,
  ): NodeInterface => {
    const address = written.address ?? ownAddress(node, written.network);
    const cidr = written.network && cidrOf(inventory, written.network, address);
    return { ...written, name, kind, address, cidr };
  };
  return [
    ...Object.entries(nics).map(([name, nic]) =>
      settle(
        name,
        "nic",
        nic.network === "provisioning" ? { ...nic, mac: nic.mac ?? node.mac } : nic,
      ),
    ),
    ...Object.entries(bonds).map(([name, bond]) => settle(name, "bond", bond)),
    ...Object.entries(vlans).map(([name, vlan]) => settle(name, "vlan", vlan)),
  ];
}

function ownAddress(node: Node, network: NetworkName | undefined): Ipv4 | undefined {
  if (network === "provisioning") return node.provisioningAddress;
  return network === "production" ? node.productionAddress : undefined;
}

/** A node may boot in any network that DHCP serves, so its provisioning address says which. */
function cidrOf(
  inventory: Inventory,
  network: NetworkName,
  address: Ipv4 | undefined,
): Cidr | undefined {
  if (network !== "provisioning") return inventory.networks[network]?.cidr;
  const home = bootNetworks(inventory).find(
    ({ settings }) => address !== undefined && cidrContains(settings.cidr, address),
  );
  return (home?.settings ?? inventory.networks.provisioning).cidr;
}
