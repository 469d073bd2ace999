// disaster-recover: nothing of the cluster is left, not even a machine to log in to. One node is installed again and forms it, from a
// backup or without data; the others are provisioned afterwards and join it.

import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { formatDisks } from "../../inventory/disk.ts";
import { findNode } from "../../inventory/find.ts";
import { clusterPeers, memberNodes } from "../../inventory/peers.ts";
import type { Node } from "../../inventory/schema.ts";
import { nextState } from "../../nodes/state.ts";
import { manifestIn, surveyForSite } from "../backup/restoration.ts";
import type { Operation } from "../operation.ts";
import { type Installation, provisionPlan } from "../provision.ts";
import type { Plan, Step } from "../result.ts";
import { livingCluster, notSeenOff } from "../steps/confirm-loss.ts";
import { forgetMember } from "../steps/forget-member.ts";
import { confirmTotalLoss, formAnew, type Loss, stillLost } from "../steps/form-anew.ts";
import { awaitRestored } from "../steps/restore-data.ts";
import type { Draft, OperationTools, Order, Verb, Work } from "../verb.ts";
import { subject, workOf } from "../verb.ts";
import { notInstallable } from "./provision.ts";
import {
  lossOptions,
  notRestored,
  partOfCluster,
  unknownNames,
  unrestorable,
  wrongName,
} from "./restore.ts";

const options = z
  .strictObject({
    ...lossOptions,
    backup: z.string().refine(isAbsolute, "must be an absolute path on the server").optional(),
    /** Without data. */
    bootstrap: z.boolean().default(false),
    /** Data on the node's disk that is not from here may be erased. */
    erase: z.boolean().default(false),
    diskSerials: z.array(z.string().min(1).max(256)).max(2).default([]),
  })
  .refine(({ backup, bootstrap }) => (backup === undefined) === bootstrap, {
    error: "say one of --backup DIR and --bootstrap, which begins without data",
  });

export const disasterRecover: Verb = {
  disruptive: true,
  resumable: onceInstalled,
  options,
  draft: draftRecovery,
  plan: planRecovery,
};

/** What is left then are looks: its founder has all that it forms the cluster from, and may do so after nobody waits any more. */
function onceInstalled({ steps }: Operation): boolean {
  return steps.some(({ id, status }) => id === "files" && status === "done");
}

function planRecovery(tools: OperationTools, operation: Operation): Plan {
  const work = workOf(tools, operation);
  const founder = subject(tools, operation);
  const { gone, backup } = options.parse(operation.parameters);
  const members = operation.nodes.flatMap((name) => findNode(work.inventory, name) ?? []);
  const others = members.filter((node) => node !== founder);
  const loss: Loss = { founder, others, gone, backup };
  const install: OperationTools["installation"] = (node, id) =>
    forming(tools.installation(node, id), backup);
  const { steps, stop } = provisionPlan({ ...tools, installation: install }, operation, founder);
  const restored = backup === undefined ? [] : [awaitRestored(work, founder, backup)];
  return {
    steps: [
      confirmTotalLoss(work, loss),
      formAnew(work, loss),
      ...members.map((node) => forgetMember(work, node)),
      ...steps.flatMap((step): readonly Step[] => {
        if (step.id === "membership") return [stillLost(work, loss), step];
        // A layer is no cluster before its snapshot is loaded, which may take longer than any join.
        return step.id === "join" ? [...restored, step] : [step];
      }),
    ],
    stop: async () => {
      try {
        return await stop();
      } finally {
        // A machine whose BMC is away can't be switched off again, and what may form the cluster ends all the same.
        endFormation(work, founder);
      }
    },
  };
}

/** From now on nobody may form it by another order, such as a plain install: it would begin without the backup's data. */
function endFormation({ clusters, operations, operation, inventory }: Work, founder: Node): void {
  const steps = operations.operation(operation.id)?.steps ?? [];
  const wasAllowed = steps.some(({ id, attempts }) => id === "form-anew" && attempts > 0);
  const claim = clusters.claim(inventory.cluster.name);
  const isOpen = claim?.node === founder.name && claim.initialisedAtMs === undefined;
  if (wasAllowed && isOpen) clusters.markInitialised(inventory.cluster.name);
}

/** The same installation, for a node that forms the cluster or is not installed: with the snapshots that it begins with. */
function forming(installation: Installation, backup: string | undefined): Installation {
  return {
    ...installation,
    prepare: async (membership) => {
      if (membership.kind === "join")
        throw new Error(`a member of the cluster answers (${membership.leader}): it is not lost`);
      const layers = backup === undefined ? [] : (await manifestIn(backup)).layers;
      const snapshots = layers.map(({ layer, file, sha256 }) => ({
        ...{ layer, sha256, source: join(backup ?? "", file) },
      }));
      await installation.prepare(membership, snapshots);
    },
  };
}

async function draftRecovery(
  tools: OperationTools,
  chosen: readonly Node[],
  order: Order,
): Promise<Draft> {
  const inventory = tools.inventory();
  const typed = options.parse(order.options);
  const { on, gone, backup, erase, diskSerials } = typed;
  const { signal } = new AbortController();
  const members = memberNodes(inventory);
  const peers = clusterPeers(inventory);
  const wanted = on ?? peers.find(({ name }) => !gone.includes(name))?.name;
  const founder = peers.find(({ name }) => name === wanted);
  const others = members.filter((node) => node !== founder);
  const { faults } =
    backup === undefined ? { faults: [] } : await surveyForSite(backup, inventory, signal);
  const confirmed = erase || diskSerials.length > 0 ? { eraseData: erase, diskSerials } : undefined;
  const left = others.map(({ name }) => name).join(" ");
  return {
    operations:
      founder === undefined
        ? []
        : [
            {
              ...{ node: founder.name, nodes: members.map(({ name }) => name), confirmed },
              parameters: { ...typed, on: founder.name },
            },
          ],
    destroys: [
      ...(founder === undefined
        ? []
        : [`everything on ${formatDisks(founder)} of node ${founder.name}`]),
      backup === undefined
        ? `all data of cluster ${typed.cluster}: it begins empty`
        : "what was written to the cluster since the backup",
    ],
    quorum: [],
    notes: [
      `leave the others off until they are provisioned, which wipes them: rackstrap provision ${left} --execute`,
    ],
    refusals: [
      ...wrongName(inventory.cluster.name, typed.cluster),
      ...partOfCluster(chosen, members),
      ...unknownNames(members, typed),
      ...livingCluster(inventory.cluster.name, await tools.cluster.fresh()),
      ...faults.map((reason) => ({ reason, next: "take another backup: rackstrap backup list" })),
      ...(backup === undefined ? [] : unrestorable(inventory).map(notRestored)),
      ...noFounder(founder, wanted, peers),
      ...(founder === undefined ? [] : notInstallable(tools, founder, stateThen(tools, founder))),
      ...(await notSeenOff(tools, others, gone, signal)),
    ],
  };
}

/** Once it counts as no member any more. */
function stateThen({ nodes }: OperationTools, { name }: Node) {
  const { state } = nodes.node(name);
  return nextState(state, "member-removed") ?? state;
}

function noFounder(founder: Node | undefined, wanted: string | undefined, peers: readonly Node[]) {
  if (founder !== undefined) return [];
  return [
    {
      reason: `no node is left that may form the cluster${wanted === undefined ? "" : `: ${wanted} may not`}`,
      next: `name one with --on: ${peers.map(({ name }) => name).join(", ")}`,
    },
  ];
}
