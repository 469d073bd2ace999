// Who forms the cluster, and who holds its data. Pure.

import type { Layer } from "../cluster/driver.ts";
import type { Inventory, Node, Role } from "./schema.ts";

const founding: readonly Role[] = ["control-plane", "all-in-one"];

/** The nodes that may form the cluster: those of `cluster.peers`, else all whose role lets them, in the inventory's order. */
export function clusterPeers(inventory: Pick<Inventory, "cluster" | "nodes">): Node[] {
  const { peers } = inventory.cluster;
  return inventory.nodes.filter(({ name, role }) =>
    peers === undefined ? founding.includes(role) : peers.includes(name),
  );
}

/**
 * The layers of the cluster that a node is to be a member of. etcd is no service of an entry: it runs where the cluster may be formed.
 * A worker may run none.
 */
export function layersOf(
  inventory: Pick<Inventory, "cluster" | "nodes">,
  { name, services }: Pick<Node, "name" | "services">,
): readonly Layer[] {
  const isPeer = clusterPeers(inventory).some((peer) => peer.name === name);
  return inventory.cluster.layers.filter((layer) =>
    layer === "etcd" ? isPeer : services.includes(layer),
  );
}

/** The nodes that hold data of the cluster's layers: those that may form it first. */
export function memberNodes(inventory: Pick<Inventory, "cluster" | "nodes">): readonly Node[] {
  const peers = clusterPeers(inventory);
  const isMember = (node: Node) => layersOf(inventory, node).length > 0;
  return [
    ...peers.filter(isMember),
    ...inventory.nodes.filter((node) => isMember(node) && !peers.includes(node)),
  ];
}
