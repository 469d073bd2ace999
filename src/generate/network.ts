// The network of a node's configuration: names of its cards, addresses, bonds, VLANs, routes (runbook §5.3, NIC plan).

import { interfacesOf, type NodeInterface } from "../inventory/interfaces.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { Section } from "./module.ts";
import { described, type Nix, type NixSet } from "./nix.ts";

/** Sections on names, addresses and time. */
export function networkSections(inventory: Inventory, node: Node): readonly Section[] {
  const interfaces = interfacesOf(inventory, node);
  const { production, provisioning } = inventory.networks;
  const ofKind = (kind: NodeInterface["kind"]) =>
    interfaces.filter((candidate) => candidate.kind === kind);
  const networking: NixSet = {
    hostName: node.name,
    domain: inventory.domain,
    usePredictableInterfaceNames: described("eth0, eth1 and so on", false),
    interfaces: setOf(interfaces, interfaceSettings),
    bonds: setOf(ofKind("bond"), bondSettings),
    vlans: setOf(ofKind("vlan"), vlanSettings),
    // A node with no card in the production network leaves by the one it boots from.
    defaultGateway: interfaces.some(({ network }) => network === "production")
      ? production.gateway
      : provisioning.gateway,
    nameservers: production.dns,
    timeServers: provisioning.ntp.length === 0 ? undefined : provisioning.ntp,
  };
  return [
    { why: "Name, addresses and routes", settings: [{ networking }] },
    ...cardNames(ofKind("nic")),
  ];
}

/** The kernel numbers cards as it finds them, which differs between boots: those that the inventory knows are told by their MAC. */
function cardNames(nics: readonly NodeInterface[]): readonly Section[] {
  const known = nics.filter(({ mac }) => mac !== undefined);
  return known.length === 0
    ? []
    : [
        {
          why: "Which card has which name, whatever order the kernel finds them in",
          settings: [{ rackstrap: { interfaceNames: setOf(known, ({ mac = "" }) => mac) } }],
        },
      ];
}

function setOf(
  interfaces: readonly NodeInterface[],
  settingsFor: (of: NodeInterface) => Nix,
): NixSet | undefined {
  if (interfaces.length === 0) return undefined;
  return Object.fromEntries(interfaces.map((each) => [each.name, settingsFor(each)]));
}

function interfaceSettings({ address, cidr, mtu, network }: NodeInterface): Nix {
  const settings = {
    useDHCP: false,
    mtu,
    ipv4:
      address === undefined || cidr === undefined
        ? undefined
        : { addresses: [{ address, prefixLength: cidr.prefix }] },
  };
  return network === undefined ? settings : described(`In the ${network} network`, settings);
}

function bondSettings({ members = [], mode = "active-backup" }: NodeInterface): NixSet {
  // Without miimon a bond never notices that a cable was pulled; 100 ms is what the kernel's documentation begins with.
  return { interfaces: members, driverOptions: { mode, miimon: "100" } };
}

function vlanSettings({ id, link }: NodeInterface): NixSet {
  return { id, interface: link };
}
