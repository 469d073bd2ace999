// The cluster-config document that the boot plane shows for a node: public data, by MAC.
// What a node is installed with is written from the live cluster at install time; this shows the same rule.

import {
  type ClusterConfig,
  type ClusterMembership,
  clusterConfig,
} from "../boot/cluster-config.ts";
import { oncePer } from "../inventory/live.ts";
import { clusterPeers } from "../inventory/peers.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ClusterStore, OperationStore } from "./operation.ts";

export interface PublishedConfigTools {
  readonly inventory: Inventory;
  readonly operations: OperationStore;
  readonly clusters: ClusterStore;
}

/**
 * What `node` was told in the operation that runs for it, else what it would be told now. Undefined when no node of the inventory
 * has a role that can form the cluster.
 */
export function publishedConfig(
  tools: PublishedConfigTools,
  node: Node,
): ClusterConfig | undefined {
  const membership = toldMembership(tools.operations, node) ?? expectedMembership(tools, node);
  if (membership === undefined) return undefined;
  return clusterConfig({ node, membership, inventory: tools.inventory });
}

function toldMembership(operations: OperationStore, node: Node): ClusterMembership | undefined {
  const operation = operations.runningFor(node.name);
  const evidence = operation?.steps.find((step) => step.id === "membership")?.evidence;
  return evidence?.["membership"] as ClusterMembership | undefined;
}

const peersOf = oncePer((inventory: Inventory) => clusterPeers(inventory));

/** Asked by every machine of a rack that boots: the founders are listed for the one that forms the cluster alone. */
function expectedMembership(
  { inventory, clusters }: PublishedConfigTools,
  node: Node,
): ClusterMembership | undefined {
  const peers = peersOf(inventory);
  const claim = clusters.claim(inventory.cluster.name);
  const founder = peers.find((other) => other.name === claim?.node) ?? peers[0];
  if (founder === undefined) return undefined;
  if (claim?.initialisedAtMs === undefined && founder === node)
    return { kind: "bootstrap", peers: peers.map((other) => other.fqdn) };
  // A node never joins through itself.
  const leader = founder === node ? peers.find((other) => other !== node) : founder;
  return { kind: "join", leader: (leader ?? node).fqdn };
}
