// backup: a consistent snapshot of every layer, taken by a member of it, with the site's own files and a manifest. Takes nothing away.

import { isAbsolute } from "node:path";
import { z } from "zod";
import { backupFolder, backupsDirectory } from "../backup/folder.ts";
import { backUpLayer, beginBackup, completeBackup, snapshotSource } from "../steps/back-up.ts";
import type { Draft, OperationTools, Order, OrderRefusal, Verb } from "../verb.ts";
import { never, workOf } from "../verb.ts";

const options = z.strictObject({
  /** Where the backup's folder is made. */
  to: z.string().refine(isAbsolute, "must be an absolute path on the server").optional(),
});

export const backup: Verb = {
  disruptive: false,
  resumable: never,
  options,
  draft: async (tools, chosen, order) => {
    const refusals = chosen.length === 0 ? [] : [namesNodes("backup")];
    return await draftBackup(tools, order, refusals);
  },
  plan: (tools, operation) => {
    const work = workOf(tools, operation);
    const { to = "" } = options.parse(operation.parameters);
    const folder = backupFolder(to, operation.createdAtMs);
    const steps = [
      beginBackup(work, folder),
      ...work.inventory.cluster.layers.map((layer) => backUpLayer(work, folder, layer)),
      completeBackup(work, folder),
    ];
    // A folder without a manifest is no backup: what is left of one harms nobody.
    return { steps, stop: async () => undefined };
  },
};

async function draftBackup(
  tools: OperationTools,
  order: Order,
  refusals: readonly OrderRefusal[],
): Promise<Draft> {
  const { cluster, server } = tools.inventory();
  const { to = backupsDirectory(server.stateDirectory) } = options.parse(order.options);
  const sources = (await tools.cluster.views()).map((view) => ({
    layer: view.layer,
    source: snapshotSource(view),
  }));
  return {
    operations: [{ node: cluster.name, nodes: [], parameters: { to } }],
    destroys: [],
    quorum: [],
    notes: sources.flatMap(({ layer, source }) =>
      "from" in source ? [`${layer}: the snapshot would be taken from ${source.from}`] : [],
    ),
    refusals: [
      ...refusals,
      ...alreadyRunning(tools),
      ...sources.flatMap(({ source }) =>
        "obstacle" in source
          ? [{ reason: source.obstacle, next: "look at the cluster: rackstrap cluster status" }]
          : [],
      ),
    ],
  };
}

function alreadyRunning({ operations }: OperationTools): OrderRefusal[] {
  const other = operations.operations({ running: true }).find(({ kind }) => kind === "backup");
  if (other === undefined) return [];
  return [
    {
      reason: `the backup ${other.id} is running`,
      next: `follow it: rackstrap operations show ${other.id}`,
    },
  ];
}

/** For verbs about the whole cluster. */
function namesNodes(verb: string): OrderRefusal {
  return { reason: `${verb} is about the whole cluster and takes no nodes`, next: "name none" };
}
