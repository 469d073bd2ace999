// What must hold between the interfaces of one node: cards, bonds of cards, VLANs on either, and the networks they face.

import { cidrContains, formatCidr } from "../net/cidr.ts";
import type { Finding } from "./check.ts";
import { usualNics } from "./interfaces.ts";
import { suggest } from "./nearest.ts";
import type { ParsedInventory } from "./schema.ts";

type NodeEntry = ParsedInventory["nodes"][string];
type Path = Finding["path"];
type At = (...path: (string | number)[]) => Path;

interface Attached {
  readonly path: Path;
  readonly name: string;
  readonly network?: "provisioning" | "production" | "management" | "client" | undefined;
  readonly address?: string | undefined;
}

export function interfaceFindings(file: ParsedInventory): Finding[] {
  return Object.entries(file.nodes).flatMap(([name, node]) => {
    const written = [node.nics, node.bonds, node.vlans].some((map) => Object.keys(map).length > 0);
    if (!written) return [];
    const at: At = (...path) => ["nodes", name, ...path];
    const nics = Object.keys(node.nics).length === 0 ? usualNics : node.nics;
    return [
      ...nameFindings(node, nics, at),
      ...bondFindings(node, nics, at),
      ...vlanFindings(file, node, nics, at),
      ...networkFindings(file, node, nics, at),
    ];
  });
}

function nameFindings(node: NodeEntry, nics: NodeEntry["nics"], at: At): Finding[] {
  const twice = (group: "bonds" | "vlans", others: readonly string[]) =>
    Object.keys(node[group])
      .filter((name) => others.includes(name))
      .map((name) => ({
        path: at(group, name),
        at: "key" as const,
        message: `${name} is the name of another interface of this node: choose another`,
      }));
  return [
    ...twice("bonds", Object.keys(nics)),
    ...twice("vlans", [...Object.keys(nics), ...Object.keys(node.bonds)]),
  ];
}

function bondFindings({ bonds }: NodeEntry, nics: NodeEntry["nics"], at: At): Finding[] {
  const owners = new Map<string, string>();
  return Object.entries(bonds).flatMap(([bond, { members, mode }]) => [
    ...members.flatMap((member, index) => {
      const path = at("bonds", bond, "members", index);
      const owner = owners.get(member);
      owners.set(member, bond);
      if (owner !== undefined)
        return [
          {
            path,
            message: `${member} is a member of ${owner} already: a card is in one bond, once`,
          },
        ];
      const nic = Object.hasOwn(nics, member) ? nics[member] : undefined;
      if (nic === undefined)
        return [
          {
            path,
            message: `"${member}" is no card of this node under nics: ${suggest(member, Object.keys(nics))}`,
          },
        ];
      return nic.network === undefined && nic.address === undefined
        ? []
        : [
            {
              path,
              message: `${member} has a network of its own, and a member of a bond has none: give it to ${bond}, and write ${member}: {} under nics`,
            },
          ];
    }),
    ...(mode === "802.3ad" && members.length === 1
      ? [
          {
            path: at("bonds", bond, "members"),
            severity: "warning" as const,
            message: `${bond} is an 802.3ad bond of one card, which fails with it: add another`,
          },
        ]
      : []),
  ]);
}

function vlanFindings(
  { networks }: ParsedInventory,
  { bonds, vlans }: NodeEntry,
  nics: NodeEntry["nics"],
  at: At,
): Finding[] {
  const links = [...Object.keys(nics), ...Object.keys(bonds)];
  const members = Object.entries(bonds).flatMap(([bond, one]) =>
    one.members.map((member) => [member, bond] as const),
  );
  const taken = new Map<string, string>();
  return Object.entries(vlans).flatMap(([name, { id, link, network }]): Finding[] => {
    const tag = `${link} ${id}`;
    const other = taken.get(tag);
    taken.set(tag, name);
    const bond = members.find(([member]) => member === link)?.[1];
    const declared = network === undefined ? undefined : networks[network]?.vlan;
    return [
      ...(links.includes(link)
        ? []
        : [
            {
              path: at("vlans", name, "link"),
              message: `"${link}" is no card or bond of this node: ${suggest(link, links)}`,
            },
          ]),
      ...(bond === undefined
        ? []
        : [
            {
              path: at("vlans", name, "link"),
              message: `${link} is a member of ${bond}: put the VLAN on ${bond}`,
            },
          ]),
      ...(other === undefined
        ? []
        : [
            {
              path: at("vlans", name, "id"),
              message: `VLAN ${id} on ${link} is ${other} already: remove one of the two`,
            },
          ]),
      ...(declared === undefined || declared === id
        ? []
        : [
            {
              path: at("vlans", name, "id"),
              message: `${id} is not ${declared}, the VLAN of the ${network} network: correct one of the two`,
            },
          ]),
    ];
  });
}

function networkFindings(
  { networks }: ParsedInventory,
  node: NodeEntry,
  nics: NodeEntry["nics"],
  at: At,
): Finding[] {
  const all = attached(node, nics, at);
  const own = { provisioning: node.provisioningAddress, production: node.productionAddress };
  return [
    ...(["provisioning", "production"] as const).flatMap((network): Finding[] => {
      const [first, second] = all.filter((one) => one.network === network);
      if (first === undefined)
        return [
          {
            path: at("nics"),
            message: `no interface of this node has network: ${network}: say which one faces it`,
          },
        ];
      return second === undefined
        ? []
        : [
            {
              path: [...second.path, "network"],
              message: `${first.name} is in the ${network} network already, and the node has one address there: remove one of the two`,
            },
          ];
    }),
    ...all.flatMap(({ path, name, network, address }): Finding[] => {
      if (network === undefined)
        return address === undefined
          ? []
          : [
              {
                path: [...path, "address"],
                message: `${name} has an address and no network: add network:`,
              },
            ];
      if (network === "provisioning" || network === "production")
        return address === undefined || address === own[network]
          ? []
          : [
              {
                path: [...path, "address"],
                message: `${address} is not ${own[network]}, which the node has in the ${network} network: remove it here`,
              },
            ];
      const cidr = networks[network]?.cidr;
      if (cidr === undefined)
        return [
          {
            path: [...path, "network"],
            message: `${network} is not declared: add it under networks`,
          },
        ];
      if (address === undefined)
        return [
          { path, message: `${name} has no address in the ${network} network: add address:` },
        ];
      return cidrContains(cidr, address as Parameters<typeof cidrContains>[1])
        ? []
        : [
            {
              path: [...path, "address"],
              message: `${address} is outside the ${network} network ${formatCidr(cidr)}: use an address of that network`,
            },
          ];
    }),
    ...bootCardFindings(node, at),
  ];
}

/** DHCP knows the node by the card that it boots with. */
function bootCardFindings({ mac, nics }: NodeEntry, at: At): Finding[] {
  return Object.entries(nics).flatMap(([name, nic]) =>
    nic.network === "provisioning" && nic.mac !== undefined && nic.mac !== mac
      ? [
          {
            path: at("nics", name, "mac"),
            message: `${nic.mac} is not the node's mac ${mac}, which is the card that boots: correct one of the two`,
          },
        ]
      : [],
  );
}

function attached(node: NodeEntry, nics: NodeEntry["nics"], at: At): Attached[] {
  const groups = { nics, bonds: node.bonds, vlans: node.vlans };
  return Object.entries(groups).flatMap(([group, map]) =>
    Object.entries(map).map(([name, { network, address }]) => ({
      ...{ name, network, address },
      path: at(group, name),
    })),
  );
}
