// The cluster-config.json of a node: what its first boot needs to form the cluster or to join it.
// Public data only. Whether a node forms or joins is decided from the live cluster, not here.

import { z } from "zod";
import type { Inventory, Node } from "../inventory/schema.ts";

/** Forms a new cluster with these members, or joins through this one. Full names in both. */
export type ClusterMembership =
  | { readonly kind: "bootstrap"; readonly peers: readonly string[] }
  | { readonly kind: "join"; readonly leader: string };

const peer = z.string().regex(/^[a-z0-9.-]+:\d+$/);

const common = {
  node_id: z.string().regex(/^[a-z0-9-]+$/),
  node_role: z.enum(["control-plane", "worker", "all-in-one"]),
};
const addresses = {
  cluster_name: z.string().regex(/^[a-z0-9-]+$/),
  leader_url: z.string().regex(/^https:\/\/[a-z0-9.-]+:\d+$/),
  raft_addr: z.string().regex(/^[0-9.]+:\d+$/),
};

/** Every key that may be in the document, in the runbook's order. Anything else is an error: it might be a secret. */
export const clusterConfigSchema = z.discriminatedUnion("bootstrap", [
  z.strictObject({
    ...common,
    bootstrap: z.literal(true),
    ...addresses,
    initial_peers: z.array(peer).min(1),
    flaredb_peers: z.array(peer).min(1),
  }),
  z.strictObject({ ...common, bootstrap: z.literal(false), ...addresses }),
]);

export type ClusterConfig = z.output<typeof clusterConfigSchema>;

/** What the document takes from an inventory. */
export interface ClusterSettings {
  readonly cluster: Pick<Inventory["cluster"], "name">;
  readonly services: Pick<Inventory["services"], "chainfire" | "flaredb">;
}

/** The document of `node`. Throws a ZodError when a value has no place in it. */
export function clusterConfig(wanted: {
  readonly node: Node;
  readonly membership: ClusterMembership;
  /** The cluster's name, and where its layers listen. */
  readonly inventory: ClusterSettings;
}): ClusterConfig {
  const { node, membership } = wanted;
  const { cluster, services } = wanted.inventory;
  const { chainfire, flaredb } = services;
  const bootstraps = membership.kind === "bootstrap";
  const leader = bootstraps ? node.fqdn : membership.leader;
  return clusterConfigSchema.parse({
    node_id: node.name,
    node_role: node.role,
    bootstrap: bootstraps,
    cluster_name: cluster.name,
    leader_url: `https://${leader}:${chainfire.port}`,
    raft_addr: `${node.productionAddress}:${chainfire.raftPort}`,
    ...(bootstraps && {
      initial_peers: membership.peers.map((name) => `${name}:${chainfire.raftPort}`),
      flaredb_peers: membership.peers.map((name) => `${name}:${flaredb.raftPort}`),
    }),
  });
}
