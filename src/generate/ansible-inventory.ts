// An inventory for Ansible: every node once, and groups by role, profile, rack and label. Pure.

import { stringify } from "yaml";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { GeneratedFile } from "./file.ts";
import { identifiersFor } from "./identifiers.ts";
import { madeFrom, type Site } from "./site.ts";

type Hosts = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

// Ansible reads YAML 1.1, where a bare 52:54:00:12:34:56 is a number.
const yamlStyle = { version: "1.1", lineWidth: 0, aliasDuplicateObjects: false } as const;

export function ansibleFiles({ inventory, source }: Site): readonly GeneratedFile[] {
  const { nodes } = inventory;
  const hosts: Hosts = Object.fromEntries(
    nodes.map((node) => [node.name, hostVariables(inventory, node)]),
  );
  const children = Object.fromEntries(
    groupsOf(nodes).map(([group, members]) => [
      group,
      { hosts: Object.fromEntries(members.map((name) => [name, {}])) },
    ]),
  );
  const yaml = stringify({ all: { hosts, children } }, yamlStyle);
  return [{ path: "ansible/inventory.yaml", text: `${madeFrom(source, "#")}\n${yaml}` }];
}

function hostVariables(
  { install, site }: Inventory,
  node: Node,
): Readonly<Record<string, unknown>> {
  const { rack, position } = node;
  return {
    ansible_host: node.productionAddress,
    ansible_user: "root",
    ...(install.sshKey === undefined ? {} : { ansible_ssh_private_key_file: install.sshKey }),
    rackstrap_site: site,
    rackstrap_fqdn: node.fqdn,
    rackstrap_role: node.role,
    rackstrap_profile: node.profile,
    rackstrap_mac: node.mac,
    rackstrap_provisioning_address: node.provisioningAddress,
    rackstrap_bmc_address: node.bmc.address,
    rackstrap_services: node.services,
    ...(rack === undefined ? {} : { rackstrap_rack: rack }),
    ...(position === undefined ? {} : { rackstrap_position: position }),
    rackstrap_labels: node.labels,
  };
}

/** Group names are identifiers, as Ansible wants them; each group's members are in the inventory's order. */
function groupsOf(nodes: readonly Node[]): (readonly [string, readonly string[]])[] {
  const groups = new Map<string, string[]>();
  for (const node of nodes)
    for (const group of groupNames(node)) {
      const members = groups.get(group) ?? [];
      members.push(node.name);
      groups.set(group, members);
    }
  const identifiers = identifiersFor(groups.keys());
  return [...groups]
    .map(([group, members]): readonly [string, readonly string[]] => [
      identifiers.get(group) ?? group,
      members,
    ])
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function groupNames({ role, profile, rack, labels }: Node): string[] {
  return [
    `role_${role}`,
    `profile_${profile}`,
    ...(rack === undefined ? [] : [`rack_${rack}`]),
    ...Object.entries(labels).map(([key, value]) => `label_${key}=${value}`),
  ];
}
