// Who forms the cluster. Pure.

import type { Inventory, Node, Role } from "./schema.ts";

const founding: readonly Role[] = ["control-plane", "all-in-one"];

/** The nodes that may form the cluster: those of `cluster.peers`, else all whose role lets them, in the inventory's order. */
export function clusterPeers(inventory: Pick<Inventory, "cluster" | "nodes">): Node[] {
  const { peers } = inventory.cluster;
  return inventory.nodes.filter(({ name, role }) =>
    peers === undefined ? founding.includes(role) : peers.includes(name),
  );
}
