// What must hold between the members of the cluster, and between the services of one node.

import { etcdPorts } from "../cluster/etcd.ts";
import { cidrContains, formatCidr } from "../net/cidr.ts";
import type { Finding } from "./check.ts";
import { suggest } from "./nearest.ts";
import type { ParsedInventory } from "./schema.ts";
import { type ServiceName, servicesOfRole } from "./services.ts";

export function clusterFindings(file: ParsedInventory): Finding[] {
  return [
    ...peerFindings(file),
    ...layerFindings(file),
    ...voterFindings(file),
    ...portFindings(file),
    ...vipFindings(file),
    ...vlanFindings(file),
    ...unusedProfiles(file),
  ];
}

const roleOf = (file: ParsedInventory, name: string) => {
  const profile = file.nodes[name]?.profile;
  return profile === undefined ? undefined : file.profiles[profile]?.role;
};

const votes = (role: string | undefined) => role === "control-plane" || role === "all-in-one";

function peerFindings(file: ParsedInventory): Finding[] {
  const { nodes, cluster } = file;
  return (cluster.peers ?? []).flatMap((peer, index): Finding[] => {
    const path = ["cluster", "peers", index];
    if (cluster.peers?.indexOf(peer) !== index)
      return [{ path, message: `${peer} is named twice: remove one` }];
    if (!Object.hasOwn(nodes, peer))
      return [
        {
          path,
          message: `"${peer}" is no node of this inventory: ${suggest(peer, Object.keys(nodes))}`,
        },
      ];
    const role = roleOf(file, peer);
    return votes(role)
      ? []
      : [
          {
            path,
            message: `${peer} has the role ${role}, which forms no cluster: name nodes whose role is control-plane or all-in-one`,
          },
        ];
  });
}

/** Who forms the cluster. */
function votersOf(file: ParsedInventory): readonly string[] {
  const { nodes, cluster } = file;
  return cluster.peers ?? Object.keys(nodes).filter((name) => votes(roleOf(file, name)));
}

function servicesOf(file: ParsedInventory, name: string): readonly ServiceName[] {
  const role = roleOf(file, name);
  return file.nodes[name]?.services ?? (role ? servicesOfRole[role] : []);
}

/** A layer is a service of the nodes that form the cluster; etcd's is none of the port matrix. */
function layerFindings(file: ParsedInventory): Finding[] {
  const { layers } = file.cluster;
  return layers.flatMap((layer, index): Finding[] => {
    const path = ["cluster", "layers", index];
    if (layers.indexOf(layer) !== index)
      return [{ path, message: `${layer} is named twice: remove one` }];
    if (layer === "etcd") return [];
    const without = votersOf(file).find(
      (name) => Object.hasOwn(file.nodes, name) && !servicesOf(file, name).includes(layer),
    );
    return without === undefined
      ? []
      : [
          {
            path,
            severity: "warning",
            message: `${without} is to form the cluster and does not run ${layer}: add ${layer} to its services, or take it out of cluster.layers`,
          },
        ];
  });
}

/** Raft: an even number tolerates no more failures than one less, and who loses the majority loses the cluster. */
function voterFindings(file: ParsedInventory): Finding[] {
  const { nodes, cluster } = file;
  const voters = votersOf(file);
  const path = cluster.peers === undefined ? ["nodes"] : ["cluster", "peers"];
  const majority = Math.floor(voters.length / 2) + 1;
  const racks = Map.groupBy(voters, (name) => nodes[name]?.rack);
  const large = [...racks].find(([rack, names]) => rack !== undefined && names.length >= majority);
  return [
    ...(voters.length > 0 && voters.length % 2 === 0
      ? [
          {
            path,
            at: "key" as const,
            severity: "warning" as const,
            message: `the cluster has ${voters.length} voters, which survive no more failures than ${voters.length - 1}: make their number odd`,
          },
        ]
      : []),
    ...(large !== undefined && voters.length > 2
      ? [
          {
            path,
            at: "key" as const,
            severity: "warning" as const,
            message: `rack ${large[0]} holds ${large[1].length} of ${voters.length} voters, and without it the cluster has no majority: spread them over more racks`,
          },
        ]
      : []),
  ];
}

// Where an operator reaches the node, and what its own DNS would need.
const sshPort = 22;

function portFindings(file: ParsedInventory): Finding[] {
  const { nodes, services, cluster } = file;
  const first = new Map<string, string>();
  const etcd = cluster.layers.includes("etcd") ? Object.values(etcdPorts) : [];
  const findings = Object.keys(nodes).flatMap((name): Finding[] => {
    const ports = new Map<number, string>([
      [sshPort, "SSH"],
      ...etcd.map((port) => [port, "etcd"] as const),
    ]);
    return servicesOf(file, name).flatMap((service) =>
      Object.entries(services[service]).flatMap(([key, port]): Finding[] => {
        const owner = ports.get(port);
        ports.set(port, `services.${service}.${key}`);
        if (owner === undefined || owner === `services.${service}.${key}`) return [];
        const path = ["services", service, key];
        const seen = first.get(path.join("."));
        first.set(path.join("."), name);
        const message = `${port} is the port of ${owner} already, and node ${name} runs both: choose another`;
        return seen === undefined ? [{ path, message }] : [];
      }),
    );
  });
  return findings;
}

function vipFindings({ networks: { production } }: ParsedInventory): Finding[] {
  return Object.entries(production.vips).flatMap(([name, address]) =>
    cidrContains(production.cidr, address)
      ? []
      : [
          {
            path: ["networks", "production", "vips", name],
            message: `${address} is outside the production network ${formatCidr(production.cidr)}: use an address of that network`,
          },
        ],
  );
}

function vlanFindings({ networks }: ParsedInventory): Finding[] {
  const first = new Map<number, string>();
  return Object.entries(networks).flatMap(([name, network]) => {
    const vlan = network?.vlan;
    if (vlan === undefined) return [];
    const owner = first.get(vlan);
    first.set(vlan, owner ?? name);
    return owner === undefined
      ? []
      : [
          {
            path: ["networks", name, "vlan"],
            message: `${vlan} is the VLAN of the ${owner} network already: give each network its own`,
          },
        ];
  });
}

function unusedProfiles({ nodes, profiles }: ParsedInventory): Finding[] {
  const used = new Set(Object.values(nodes).map(({ profile }) => profile));
  return Object.keys(profiles)
    .filter((name) => !used.has(name))
    .map((name) => ({
      path: ["profiles", name],
      at: "key",
      severity: "warning",
      message: `no node has the profile ${name}: remove it, or check the spelling of theirs`,
    }));
}
