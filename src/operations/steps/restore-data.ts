// The steps of a restore up to the one node that forms the cluster: nobody lives, all old data is aside, the snapshots are in their place,
// and only then is that node, and no other, told to bootstrap.
// Each node was told to join before its data was moved, so a restart at any point makes no cluster.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { type ClusterMembership, clusterConfig } from "../../boot/cluster-config.ts";
import type { Judgement } from "../../cluster/judge.ts";
import { clusterPeers } from "../../inventory/peers.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import { type LayerBackup, markerKey } from "../backup/manifest.ts";
import {
  configText,
  layAside,
  placeSnapshot,
  readSum,
  startUnits,
  takePiece,
  tellBootstrap,
} from "../backup/node-scripts.ts";
import {
  examineForSite,
  manifestIn,
  type Restoration,
  restoredLayers,
} from "../backup/restoration.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { livingCluster, notSeenOff, runningUnseen, workingCluster } from "./confirm-loss.ts";
import { shellFailure, unitsOf } from "./services.ts";

/** What goes over one SSH connection. */
const pieceBytes = 32 * 1024 * 1024;

/** The backup is whole, nobody lives, and who is not there is off. */
export function confirmLoss(work: Work, restoration: Restoration): Step {
  const { inventory } = work;
  return {
    id: "loss",
    title: `see that cluster ${inventory.cluster.name} is gone and the backup is whole`,
    deadlineMs: inventory.timeouts.snapshotSeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const { faults, manifest } = await examineForSite(restoration.folder, inventory, signal);
      if (faults.length > 0)
        return failed(
          `the backup ${restoration.folder} can't be used: ${faults.join("; ")}`,
          "take another one: rackstrap backup list",
        );
      return (await lifeSigns(work, restoration, signal)) ?? done({ backup: manifest?.id });
    },
  };
}

/** Why no cluster may be formed now; undefined when one may. */
async function lifeSigns(
  work: Work,
  { founder, joining, absent, gone }: Restoration,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const { cluster, inventory } = work;
  const views = await cluster.fresh();
  const [sign] = [
    ...livingCluster(inventory.cluster.name, views),
    ...(await runningUnseen(work, [founder, ...joining], views, signal)),
    ...(await notSeenOff(work, absent, gone, signal)),
  ];
  return sign === undefined ? undefined : failed(sign.reason, sign.next);
}

/** Its services are stopped, it waits to be added by the founder, and no layer has data. */
export function layAsideData(work: Work, { founder }: Restoration, node: Node): Step {
  const { inventory, shell } = work;
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  return {
    id: `aside-${node.name}`,
    title: "stop its services, have it join, lay its old data aside",
    node: node.name,
    deadlineMs: timeoutMs * 2,
    next: `on node ${node.name} read: journalctl -n 100`,
    run: async ({ operation }, signal) => {
      // Its machines may have come back since the first look, when this server was away, and written on.
      const [sign] = workingCluster(inventory.cluster.name, await work.cluster.fresh());
      if (sign !== undefined) return failed(sign.reason, sign.next);
      const command = layAside(unitsOf(node, inventory), restoredLayers(inventory), operation.id);
      // The founder, too, for now: through itself it is never added, so it waits.
      const input = textFor(work, node, { kind: "join", leader: founder.fqdn });
      const answer = await shell.run(node, command, { timeoutMs, input }, signal);
      return answer.ok ? done() : shellFailure(node, answer);
    },
  };
}

function textFor({ inventory }: Work, node: Node, membership: ClusterMembership): string {
  return configText(clusterConfig({ node, membership, inventory }));
}

/** The snapshot of each layer is on the founder, whole. */
export function placeSnapshots(work: Work, { founder, folder }: Restoration): Step {
  const { inventory } = work;
  return {
    id: `place-${founder.name}`,
    title: "put the snapshots on it",
    node: founder.name,
    deadlineMs: inventory.timeouts.snapshotSeconds * 1000,
    next: `look at the disk of node ${founder.name}: df /var/lib`,
    run: async (_attempt, signal) => {
      const { layers } = await manifestIn(folder);
      for (const kept of layers) {
        const obstacle = await place(work, founder, folder, kept, signal);
        if (obstacle !== undefined) return obstacle;
      }
      return done({
        snapshots: layers.map(({ layer, sha256, bytes }) => ({ layer, sha256, bytes })),
      });
    },
  };
}

async function place(
  { inventory, shell }: Work,
  node: Node,
  folder: string,
  { layer, file, bytes, sha256 }: LayerBackup,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  const there = await shell.run(node, readSum(layer), { timeoutMs }, signal);
  if (!there.ok) return shellFailure(node, there);
  if (there.stdout.trim() === sha256) return undefined;
  const source = await open(join(folder, file));
  try {
    for (let offset = 0; offset < bytes; offset += pieceBytes) {
      const buffer = Buffer.alloc(Math.min(pieceBytes, bytes - offset));
      const { bytesRead } = await source.read(buffer, 0, buffer.length, offset);
      const input = buffer.subarray(0, bytesRead);
      const taken = takePiece(layer, offset === 0);
      const answer = await shell.run(node, taken, { timeoutMs, input }, signal);
      if (!answer.ok) return shellFailure(node, answer);
    }
  } finally {
    await source.close();
  }
  const placed = await shell.run(node, placeSnapshot(layer, sha256), { timeoutMs }, signal);
  return placed.ok ? undefined : shellFailure(node, placed);
}

/** The one place of a restore that says bootstrap, after one more look whether anybody lives. */
export function tellFounder(work: Work, restoration: Restoration): Step {
  const { inventory, shell } = work;
  const { founder, folder } = restoration;
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  return {
    id: `bootstrap-${founder.name}`,
    title: "have it, and no other node, form the cluster from the snapshots",
    node: founder.name,
    deadlineMs: timeoutMs * 2,
    next: `on node ${founder.name} read: journalctl -n 100`,
    run: async ({ operation }, signal) => {
      const { id, layers } = await manifestIn(folder);
      // It was told, its machine restarted, and this server did not hear that it was told.
      const views = await work.cluster.fresh();
      if ((await restorationProblems(work, founder, id, views, signal)).length === 0) return done();
      const sign = await lifeSigns(work, restoration, signal);
      if (sign !== undefined) return sign;
      const peers = clusterPeers(inventory).map(({ fqdn }) => fqdn);
      const input = textFor(work, founder, { kind: "bootstrap", peers });
      // The others as well: one that starts again and needs a layer would start that before the node is told.
      const units = unitsOf(founder, inventory);
      const command = tellBootstrap(input, units, layers, operation.id);
      const answer = await shell.run(founder, command, { timeoutMs, input }, signal);
      return answer.ok ? done({ founder: founder.name }) : shellFailure(founder, answer);
    },
  };
}

export function startFounder({ inventory, shell }: Work, { founder }: Restoration): Step {
  const timeoutMs = inventory.timeouts.serviceSeconds * 1000;
  const units = layerUnits(founder, inventory, restoredLayers(inventory));
  return {
    id: `start-${founder.name}`,
    title: `start ${units.join(", ")}`,
    node: founder.name,
    deadlineMs: timeoutMs * 2,
    next: `on node ${founder.name} read: journalctl -n 100 ${units.map((unit) => `-u ${unit}`).join(" ")}`,
    run: async (_attempt, signal) => {
      const answer = await shell.run(founder, startUnits(units), { timeoutMs }, signal);
      return answer.ok ? done({ units }) : shellFailure(founder, answer);
    },
  };
}

/** A node's units of these layers, in the order in which they start. */
export function layerUnits(
  node: Node,
  inventory: Inventory,
  layers: readonly string[],
): readonly string[] {
  return unitsOf(node, inventory)
    .filter((unit) => layers.includes(unit))
    .toReversed();
}

/** The founder alone is a healthy voter of each layer, and what it holds is the backup's. */
export function awaitRestored(work: Work, founder: Node, folder: string): Step {
  const { inventory, clusters } = work;
  return {
    id: `restored-${founder.name}`,
    title: "alone a healthy voter of each layer, with the data of the backup",
    node: founder.name,
    deadlineMs: inventory.timeouts.restoreSeconds * 1000,
    next: `on node ${founder.name} read: journalctl -n 100 ${inventory.cluster.layers.map((layer) => `-u ${layer}`).join(" ")}`,
    run: async (_attempt, signal) => {
      const { id } = await manifestIn(folder);
      const views = await work.cluster.fresh();
      // One layer of two, and it exists: nobody may form it again, however this ends.
      if (views.some(({ verdict }) => verdict !== "no-cluster"))
        clusters.markInitialised(inventory.cluster.name);
      const problems = await restorationProblems(work, founder, id, views, signal);
      if (problems.length > 0) return wait(3000, problems.join("; "));
      clusters.markFormedBy(inventory.cluster.name, founder.name);
      return done({ backup: id });
    },
  };
}

/** Why the cluster is not yet the founder alone with the data of backup `id`; empty when it is. */
async function restorationProblems(
  { cluster }: Work,
  { name }: Node,
  id: string,
  views: readonly Judgement[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const each = views.map(async ({ layer, verdict, voters, leader, reasons }): Promise<string[]> => {
    if (verdict === "no-cluster" || verdict === "no-quorum")
      return [`${layer}: ${reasons.join(", ")}`];
    if (voters.join() !== name || leader !== name)
      return [`${layer}: the voters are ${voters.join(", ")}, and ${leader ?? "nobody"} leads`];
    const marker = await cluster.getKey(layer, name, markerKey, signal);
    if (!marker.ok) return [`${layer}: ${marker.failed}`];
    return marker.value === id
      ? []
      : [`${layer}: ${name} holds the data of the backup ${marker.value}, not of ${id}`];
  });
  return (await Promise.all(each)).flat();
}
