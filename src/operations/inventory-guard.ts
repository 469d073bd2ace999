// Which changes of the inventory are refused while the server runs, each with what to do first (reliability F17). Pure: what is known
// of the machines comes in, sentences go out.

import { isDeepStrictEqual } from "node:util";
import type { Judgement } from "../cluster/judge.ts";
import { formatDisk } from "../inventory/disk.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { InstallIntent } from "../nodes/ports.ts";
import type { NodeState } from "../nodes/state.ts";

export interface InventoryRefusal {
  /** Absent where it is about no single node. */
  readonly node?: string | undefined;
  readonly reason: string;
  /** What to do first. */
  readonly next: string;
}

export interface MachineFacts {
  /** The id of the operation that runs for a node. */
  readonly operation: (node: string) => string | undefined;
  /** Whether that operation is there to take the node out, and has come to it. */
  readonly retiring: (node: string) => boolean;
  /** Whether that operation waits for the machine that its entry is to name. */
  readonly awaitsHardware: (node: string) => boolean;
  /** The id of the power job that is at work on it. */
  readonly powerJob: (node: string) => string | undefined;
  /** Its newest intent, used up or not. */
  readonly intent: (node: string) => InstallIntent | undefined;
  readonly state: (node: string) => NodeState;
  /** Whether the cluster was ever formed from here. */
  readonly clusterFormed: boolean;
  /** What the layers of the cluster say of themselves; empty when they were not asked. */
  readonly cluster: readonly Judgement[];
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Nodes that `to` lacks. */
export function removedNodes(from: Inventory, to: Inventory): readonly Node[] {
  const names = new Set(to.nodes.map(({ name }) => name));
  return from.nodes.filter(({ name }) => !names.has(name));
}

/** Why `to` can't take the place of `from` now; empty when it can. */
export function inventoryRefusals(
  from: Inventory,
  to: Inventory,
  facts: MachineFacts,
): readonly InventoryRefusal[] {
  const after = new Map(to.nodes.map((node) => [node.name, node]));
  return [
    ...removedNodes(from, to).flatMap(({ name }) => [
      ...busy(name, "removed", facts),
      ...memberOf(name, facts),
    ]),
    ...from.nodes.flatMap((node) => {
      const next = after.get(node.name);
      const what = next && identityChange(node, next);
      return what === undefined || facts.awaitsHardware(node.name)
        ? []
        : busy(node.name, what, facts).slice(0, 1);
    }),
    ...renamedCluster(from, to, facts),
    ...droppedLayers(from, to, facts),
  ];
}

/** What an install that is under way relies on: its steps go by these, and must all mean the same machine. */
function identityChange(from: Node, to: Node): string | undefined {
  const relied: readonly (readonly [string, (node: Node) => unknown])[] = [
    [`the MAC ${to.mac}`, ({ mac }) => mac],
    [`the disk ${formatDisk(to.disk)}`, ({ disk }) => formatDisk(disk)],
    [`the BMC ${formatBmc(to)}`, formatBmc],
    [
      `the provisioning address ${to.provisioningAddress}`,
      ({ provisioningAddress }) => provisioningAddress,
    ],
    [
      `the production address ${to.productionAddress}`,
      ({ productionAddress }) => productionAddress,
    ],
    [`another layout (${to.layout.kind})`, ({ layout }) => layout],
    [`the firmware ${to.firmware}`, ({ firmware }) => firmware],
    // What an operation stops, moves and starts again.
    [`the services ${to.services.join(", ") || "none"}`, ({ services }) => services],
  ];
  const changed = relied.flatMap(([what, of]) =>
    isDeepStrictEqual(of(from), of(to)) ? [] : [what],
  );
  return changed.length === 0 ? undefined : `given ${changed.join(" and ")}`;
}

/** Which machine it switches; a password may change at any time. */
function formatBmc({ bmc }: Node): string {
  const { kind, address, port } = bmc;
  const system = kind === "redfish" && bmc.system !== undefined ? `, system ${bmc.system}` : "";
  return `${address} (${kind}, port ${port}${system})`;
}

function busy(node: string, what: string, facts: MachineFacts): InventoryRefusal[] {
  const operation = facts.operation(node);
  const isItsEnd = what === "removed" && facts.retiring(node);
  if (operation !== undefined && !isItsEnd)
    return [
      {
        node,
        reason: `node ${node} can't be ${what}: the operation ${operation} runs for it`,
        next: `let it end, or stop it: rackstrap operations cancel ${operation}`,
      },
    ];
  const intent = facts.intent(node);
  if (intent !== undefined && intent.consumedAtMs === undefined && intent.expiresAtMs > facts.nowMs)
    return [
      {
        node,
        reason: `node ${node} can't be ${what}: it is armed for an install until ${new Date(intent.expiresAtMs).toISOString()}`,
        next: `wait until then, or stop the install: rackstrap operations cancel ${intent.operation}`,
      },
    ];
  const job = what === "removed" ? facts.powerJob(node) : undefined;
  if (job === undefined) return [];
  return [
    {
      node,
      reason: `node ${node} can't be removed: the power job ${job} is at work on it`,
      next: `wait for it: rackstrap power show ${job}`,
    },
  ];
}

const gone = (node: string) =>
  `have it leave the cluster: rackstrap decommission ${node}; if that cluster is gone for good, start the server again, which reads the file as it is`;

const perhapsMember: readonly NodeState[] = ["joining", "verifying", "active", "drained", "failed"];

/** A voter that nobody knows of any more would be counted all the same. */
function memberOf(
  node: string,
  { cluster, clusterFormed, state }: MachineFacts,
): InventoryRefusal[] {
  const seen = cluster.flatMap(({ layer, members }) => {
    const member = members.find(({ id }) => id === node);
    if (member === undefined) return [];
    return [`a ${member.role === "learner" ? "learner" : "voter"} of ${layer}`];
  });
  if (seen.length > 0) {
    const reason = `node ${node} can't be removed: it is ${seen.join(" and ")}`;
    return [{ node, reason, next: `have it leave the cluster: rackstrap decommission ${node}` }];
  }
  // Where every layer shows its members, they say who is in it.
  const isVisible =
    cluster.length > 0 && cluster.every(({ verdict }) => ["healthy", "degraded"].includes(verdict));
  const known = state(node);
  if (isVisible || !clusterFormed || !perhapsMember.includes(known)) return [];
  return [
    {
      node,
      reason: `node ${node} can't be removed: it is ${known}, and the cluster can't be seen, so it may be a voter`,
      next: gone(node),
    },
  ];
}

/** By another name it would count as never formed: no voter would be kept, and a second cluster would be made. */
function renamedCluster(
  { cluster: { name } }: Inventory,
  to: Inventory,
  { clusterFormed }: MachineFacts,
): InventoryRefusal[] {
  if (!clusterFormed || to.cluster.name === name) return [];
  return [
    {
      reason: `the cluster can't be renamed from ${name} to ${to.cluster.name}: it was formed as ${name}, and its voters are known by that name`,
      next: `set cluster.name to ${name} again; if that cluster is gone for good, start the server again, which reads the file as it is`,
    },
  ];
}

/** The members of a layer that nobody looks at could be removed from the inventory, and switched off, uncounted. */
function droppedLayers(
  { cluster: { layers } }: Inventory,
  to: Inventory,
  { clusterFormed }: MachineFacts,
): InventoryRefusal[] {
  if (!clusterFormed) return [];
  return layers
    .filter((layer) => !to.cluster.layers.includes(layer))
    .map((layer) => ({
      reason: `${layer} can't be taken out of cluster.layers: the cluster was formed with it, and its voters are counted`,
      next: `put ${layer} back; if that layer is gone for good, start the server again, which reads the file as it is`,
    }));
}
