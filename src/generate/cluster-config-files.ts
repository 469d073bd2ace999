// Each node's cluster-config.json as it would be told now: form the cluster, or join it. Pure.
// A preview for people: an install asks the live cluster again and writes its own.

import { type ClusterMembership, clusterConfig } from "../boot/cluster-config.ts";
import { clusterPeers } from "../inventory/peers.ts";
import type { Node } from "../inventory/schema.ts";
import type { GeneratedFile } from "./file.ts";
import type { OnDisk } from "./plan.ts";
import type { ClusterState, Site } from "./site.ts";

/** Why there is nothing to generate, and what to do about it. */
export interface Skipped {
  readonly skipped: string;
  readonly next: string;
}

/**
 * No documents while nobody can say whether the cluster exists: one that says "bootstrap" could make a second cluster. One node alone
 * is told to form it, as an install would tell it, and all others join.
 */
export function clusterConfigFiles(site: Site): readonly GeneratedFile[] | Skipped {
  const { inventory, cluster } = site;
  if (cluster.state === "unknown") return { skipped: cluster.reason, next: cluster.next };
  const peers = clusterPeers(inventory);
  const files = inventory.nodes.flatMap((node) => {
    const membership = membershipOf(cluster, node, peers);
    if (membership === undefined) return [];
    const config = clusterConfig({ node, membership, inventory });
    const text = `${JSON.stringify(config, undefined, 2)}\n`;
    return [{ path: `nodes/${node.fqdn}/secrets/cluster-config.json`, text }];
  });
  if (files.length < inventory.nodes.length)
    return {
      skipped: `cluster ${inventory.cluster.name} does not exist, and no node may form it`,
      next: "give a node a profile with the role control-plane or all-in-one",
    };
  return [...files, { path: "nodes/README.md", text: readme(site.source) }];
}

/** Documents of an earlier run that tell a node to form the cluster: nobody should believe them while its state is unknown. */
export function bootstrapDocuments(disk: ReadonlyMap<string, OnDisk>): readonly string[] {
  return [...disk].flatMap(([path, there]) =>
    path.endsWith("/cluster-config.json") &&
    there.kind === "file" &&
    /"bootstrap"\s*:\s*true/.test(there.text)
      ? [path]
      : [],
  );
}

function membershipOf(
  cluster: Exclude<ClusterState, { state: "unknown" }>,
  node: Node,
  peers: readonly Node[],
): ClusterMembership | undefined {
  if (cluster.state === "formed")
    // A node joins through itself only where there is no other.
    return {
      kind: "join",
      leader: cluster.through.find((fqdn) => fqdn !== node.fqdn) ?? node.fqdn,
    };
  const founder = peers.find(({ fqdn }) => fqdn === cluster.founder) ?? peers[0];
  if (founder === undefined) return undefined;
  return founder === node
    ? { kind: "bootstrap", peers: peers.map(({ fqdn }) => fqdn) }
    : { kind: "join", leader: founder.fqdn };
}

function readme(source: string): string {
  return `# Nodes

Made by rackstrap generate from ${source}. One folder for each node, by its full name.

\`secrets/cluster-config.json\` is a preview, and public. It says what the node would have been told when this was generated: to form the
cluster, or to join it. No install reads it: an install asks the live cluster again at the moment it writes to the disk, because a
document that says \`"bootstrap": true\` and is older than the cluster would make a second one. Do not copy it to a node by hand.

Keys and certificates are never generated here.
`;
}
