// Who forms the cluster, and who holds its data. Pure.

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
 * The nodes that hold data of the cluster's layers: those that may form it first. etcd is no service of an entry: it runs where the
 * cluster may be formed.
 */
export function memberNodes(inventory: Pick<Inventory, "cluster" | "nodes">): readonly Node[] {
  const { layers } = inventory.cluster;
  const peers = clusterPeers(inventory);
  const isMember = (node: Node) =>
    node.services.some((service) => layers.some((layer) => layer === service)) ||
    (layers.includes("etcd") && peers.includes(node));
  return [
    ...peers.filter(isMember),
    ...inventory.nodes.filter((node) => isMember(node) && !peers.includes(node)),
  ];
}
