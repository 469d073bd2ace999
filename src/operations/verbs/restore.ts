// restore: the data of a backup onto the machines that are there, after the whole cluster was lost. One node forms the cluster from the
// snapshots, the others join it one after the other. Never over a living cluster, never over old files.

import { isAbsolute } from "node:path";
import { z } from "zod";
import type { Layer } from "../../cluster/driver.ts";
import { findNode } from "../../inventory/find.ts";
import { clusterPeers, memberNodes } from "../../inventory/peers.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import { type Restoration, restoredLayers, surveyForSite } from "../backup/restoration.ts";
import type { Operation } from "../operation.ts";
import type { Step } from "../result.ts";
import { livingCluster, notSeenOff, runningUnseen } from "../steps/confirm-loss.ts";
import { forgetMember } from "../steps/forget-member.ts";
import { rejoin } from "../steps/rejoin.ts";
import {
  awaitRestored,
  confirmLoss,
  layAsideData,
  placeSnapshots,
  startFounder,
  tellFounder,
} from "../steps/restore-data.ts";
import { startServices } from "../steps/services.ts";
import { soakHealth } from "../steps/soak-health.ts";
import { verifyCluster } from "../steps/verify-cluster.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb, Work } from "../verb.ts";
import { always, declaredFor, workOf } from "../verb.ts";

/** What is typed for the loss of a whole cluster, by restore and disaster-recover alike. */
export const lossOptions = {
  /** Typed by the operator: whose cluster is lost. */
  cluster: z.string(),
  /** The node that forms the cluster; absent: the first that can. */
  on: z.string().optional(),
  /** Machines that are destroyed, whose BMCs can't say that they are off. */
  gone: z.array(z.string()).default([]),
};

const options = z.strictObject({
  ...lossOptions,
  directory: z.string().refine(isAbsolute, "must be an absolute path on the server"),
});

export const restore: Verb = {
  disruptive: true,
  resumable: always,
  options,
  draft: draftRestore,
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const steps = restoreSteps(work, restorationOf(work.inventory, operation));
    return { steps, stop: async () => undefined };
  },
};

/** Who was there when the restore was ordered is in its batch. */
function restorationOf(inventory: Inventory, operation: Operation): Restoration {
  const { directory, on, gone } = options.parse(operation.parameters);
  const founder = declaredFor(inventory, operation, on ?? "");
  const others = operation.nodes.flatMap((name) => findNode(inventory, name) ?? []);
  const there = others.filter(({ name }) => operation.batch.includes(name));
  return {
    ...{ folder: directory, founder, gone },
    joining: there.filter((node) => node !== founder),
    absent: others.filter((node) => !there.includes(node)),
  };
}

function restoreSteps(work: Work, restoration: Restoration): readonly Step[] {
  const { founder, joining, absent, folder } = restoration;
  const context = { ...work, node: founder };
  return [
    confirmLoss(work, restoration),
    // All others first: nobody who could disagree is left when the founder is told.
    ...[...joining, founder].map((node) => layAsideData(work, restoration, node)),
    ...absent.map((node) => forgetMember(work, node)),
    placeSnapshots(work, restoration),
    tellFounder(work, restoration),
    startFounder(work, restoration),
    awaitRestored(work, founder, folder),
    startServices(work, founder),
    ...joining.flatMap((node) => [rejoin(work, node), startServices(work, node)]),
    verifyCluster(context),
    soakHealth(context),
  ];
}

async function draftRestore(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const inventory = tools.inventory();
  const typed = options.parse(order.options);
  const { signal } = new AbortController();
  const members = memberNodes(inventory);
  const { faults, manifest } = await surveyForSite(typed.directory, inventory, signal);
  const there = await reachable(tools, members, signal);
  const absent = members.filter((node) => !there.includes(node));
  const views = await tools.cluster.fresh();
  const peers = clusterPeers(inventory);
  const founder = there.find(
    ({ name }) => name === (typed.on ?? peers.find((peer) => there.includes(peer))?.name),
  );
  const { name: cluster } = inventory.cluster;
  return {
    operations:
      founder === undefined
        ? []
        : [
            {
              ...{ node: founder.name, nodes: members.map(({ name }) => name) },
              batch: there.map(({ name }) => name),
              parameters: { ...typed, on: founder.name },
            },
          ],
    destroys:
      manifest === undefined
        ? []
        : [`what was written to the cluster since ${new Date(manifest.atMs).toISOString()}`],
    quorum: [],
    notes: [
      ...there.map(
        ({ name }) =>
          `node ${name}: its old data is moved to /var/lib/LAYER.before-ID.0, and counts no more`,
      ),
      ...absent.map(
        ({ name }) => `node ${name} is not there: afterwards run rackstrap provision ${name}`,
      ),
    ],
    refusals: [
      ...wrongName(cluster, typed.cluster),
      ...partOfCluster(chosen, members),
      ...unknownNames(members, typed),
      ...notGone(there, typed.gone),
      ...livingCluster(cluster, views),
      ...(await runningUnseen({ ...tools, inventory }, there, views, signal)),
      ...faults.map((reason) => ({ reason, next: "take another backup: rackstrap backup list" })),
      ...unrestorable(inventory).map(notRestored),
      ...noFounder(founder, typed.on, peers),
      ...(await notSeenOff(tools, absent, typed.gone, signal)),
    ],
  };
}

const askMs = 20_000;

/** The nodes where this server can log in. */
async function reachable(
  { shell }: OperationTools,
  nodes: readonly Node[],
  signal: AbortSignal,
): Promise<readonly Node[]> {
  const answers = nodes.map(async (node) => {
    const answer = await shell.run(node, "true", { timeoutMs: askMs }, signal);
    return answer.ok ? [node] : [];
  });
  return (await Promise.all(answers)).flat();
}

/** The name is the confirmation: nothing that is asked for by mistake passes. */
export function wrongName(cluster: string, typed: string): OrderRefusal[] {
  if (typed === cluster) return [];
  return [
    {
      reason: `--cluster ${typed} is not the cluster of this site, which is ${cluster}`,
      next: "type the name of the cluster that is lost",
    },
  ];
}

/** Nodes are named where an operation is ordered again, and then all of them. */
export function partOfCluster(chosen: readonly Node[], members: readonly Node[]): OrderRefusal[] {
  if (chosen.length === 0 || members.every((node) => chosen.includes(node))) return [];
  return [
    {
      reason: "this is about the whole cluster, not about some of its nodes",
      next: "name none",
    },
  ];
}

/** A slip in a name must not count as a word about another machine. */
export function unknownNames(
  members: readonly Node[],
  { on, gone }: { readonly on?: string | undefined; readonly gone: readonly string[] },
): OrderRefusal[] {
  const names = members.map(({ name }) => name);
  const said = [...gone, ...(on === undefined ? [] : [on])];
  return [
    ...said
      .filter((name) => !names.includes(name))
      .map((name) => ({
        reason: `${name} is no node with data of the cluster`,
        next: `those are: ${names.join(", ")}`,
      })),
    ...(on !== undefined && gone.includes(on)
      ? [{ reason: `node ${on} can't be both --on and --gone`, next: "name another with --on" }]
      : []),
  ];
}

function notGone(there: readonly Node[], gone: readonly string[]): OrderRefusal[] {
  return there
    .filter(({ name }) => gone.includes(name))
    .map(({ name }) => ({
      reason: `--gone ${name}: this server can log in to it, so it is not gone`,
      next: "leave it out: it gets the data like the others",
    }));
}

function noFounder(
  founder: Node | undefined,
  on: string | undefined,
  peers: readonly Node[],
): OrderRefusal[] {
  const names = peers.map(({ name }) => name).join(", ");
  if (founder === undefined)
    return [
      {
        reason: `no machine that may form the cluster lets this server in over SSH: ${on ?? names}`,
        next: "start one of them; where none has a system any more: rackstrap disaster-recover --backup DIR",
      },
    ];
  if (peers.includes(founder)) return [];
  return [
    {
      reason: `node ${founder.name} may not form the cluster`,
      next: `those that may are: ${names}`,
    },
  ];
}

/** The layers of the cluster whose data this program takes, and can't give back. */
export function unrestorable(inventory: Inventory): readonly Layer[] {
  const restored: readonly Layer[] = restoredLayers(inventory);
  return inventory.cluster.layers.filter((layer) => !restored.includes(layer));
}

export function notRestored(layer: string): OrderRefusal {
  return {
    reason: `${layer} is not restored by this command: its servers take no snapshot that is laid down for them`,
    next: `restore it by hand from its snapshot (docs/backup.md), then provision the others`,
  };
}
