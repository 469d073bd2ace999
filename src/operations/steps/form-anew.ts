// Lets one node form a cluster that was formed before, where nothing of it is left: the only place that takes the mark back.

import type { Node } from "../../inventory/schema.ts";
import { examineForSite } from "../backup/restoration.ts";
import { done, failed, type Step } from "../result.ts";
import type { Work } from "../verb.ts";
import { livingCluster, notSeenOff } from "./confirm-loss.ts";

export interface Loss {
  /** The one that forms the cluster again. */
  readonly founder: Node;
  /** All others that hold data of it, and must be off. */
  readonly others: readonly Node[];
  /** Of those, machines that an operator says are destroyed. */
  readonly gone: readonly string[];
  /** The backup's folder; undefined for a cluster without data. */
  readonly backup: string | undefined;
}

/** The backup can be used, and nobody lives. */
export function confirmTotalLoss(work: Work, loss: Loss): Step {
  const { inventory } = work;
  const { backup } = loss;
  return {
    ...stillLost(work, loss),
    id: "loss",
    deadlineMs: inventory.timeouts.snapshotSeconds * 1000,
    run: async (attempt, signal) => {
      const { faults } =
        backup === undefined ? { faults: [] } : await examineForSite(backup, inventory, signal);
      if (faults.length > 0)
        return failed(
          `the backup ${backup} can't be used: ${faults.join("; ")}`,
          "take another one: rackstrap backup list",
        );
      return await stillLost(work, loss).run(attempt, signal);
    },
  };
}

/** Looked at again right before the node is told: a machine may have been switched on meanwhile. */
export function stillLost(work: Work, { others, gone }: Loss): Step {
  const { cluster, inventory } = work;
  return {
    id: "still-lost",
    title: `see that nothing of cluster ${inventory.cluster.name} is left`,
    deadlineMs: 120_000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const [sign] = [
        ...livingCluster(inventory.cluster.name, await cluster.fresh()),
        ...(await notSeenOff(work, others, gone, signal)),
      ];
      return sign === undefined
        ? done({ off: others.map(({ name }) => name).filter((name) => !gone.includes(name)), gone })
        : failed(sign.reason, sign.next);
    },
  };
}

/** The store lets this node, and no other, form the cluster. On the timeline first. */
export function formAnew(work: Work, loss: Loss): Step {
  const { nodes, clusters, inventory } = work;
  const { founder, backup } = loss;
  return {
    id: "form-anew",
    title: "let it, and no other node, form the cluster",
    node: founder.name,
    deadlineMs: 120_000,
    next: "look at the cluster: rackstrap cluster status",
    run: async (attempt, signal) => {
      const lost = await stillLost(work, loss).run(attempt, signal);
      if (lost.kind !== "done") return lost;
      const cluster = inventory.cluster.name;
      const detail = { cluster, operation: attempt.operation.id, backup, ...lost.evidence };
      nodes.append({ node: founder.name, mac: undefined, kind: "cluster-formed-anew", detail });
      clusters.formAnew(cluster, founder.name);
      return lost;
    },
  };
}
