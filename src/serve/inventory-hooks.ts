// What the parts of the server do when another inventory comes into force, and what they know that stands against it. Most parts ask for
// the inventory at each use and are not here.

import type { Logger } from "pino";
import type { Judgement } from "../cluster/judge.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { ClusterAccess } from "../operations/cluster-access.ts";
import type { ConsoleHub } from "../operations/console-hub.ts";
import { inventoryRefusals, removedNodes } from "../operations/inventory-guard.ts";
import type { Operation } from "../operations/operation.ts";
import type { PowerJobs } from "../operations/power-jobs.ts";
import { awaitsHardware } from "../operations/steps/await-hardware.ts";
import { isRetiring } from "../operations/steps/retire-node.ts";
import type { Store } from "../store/store.ts";
import { type Controllers, insecurityOfBmc } from "./controllers.ts";
import type { DhcpService } from "./dhcp-service.ts";
import type { ReloadHooks } from "./inventory-reload.ts";

export interface HookTools {
  readonly store: Pick<Store, "nodes" | "operations" | "clusters">;
  readonly cluster: Pick<ClusterAccess, "views">;
  readonly powerJobs: Pick<PowerJobs, "runningFor">;
  readonly dhcp: Pick<DhcpService, "setInventory">;
  readonly controllers: Pick<Controllers, "keep">;
  readonly consoles: Pick<ConsoleHub, "keep">;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}

export function createReloadHooks(tools: HookTools): Omit<ReloadHooks, "onRead"> {
  const { nodes, operations, clusters } = tools.store;
  /** Whether the operation that runs for a node is such a one. */
  const runs = (is: (running: Operation) => boolean) => (node: string) => {
    const running = operations.runningFor(node);
    return running !== undefined && is(running);
  };
  return {
    refusals: async (from, to) => {
      const clusterFormed = clusters.claim(from.cluster.name)?.initialisedAtMs !== undefined;
      const asks = clusterFormed && removedNodes(from, to).length > 0;
      const cluster = asks ? await lookAt(tools.cluster, from) : [];
      return inventoryRefusals(from, to, {
        operation: (node) => operations.runningFor(node)?.id,
        retiring: runs(isRetiring),
        awaitsHardware: runs(awaitsHardware),
        powerJob: tools.powerJobs.runningFor,
        intent: nodes.intent,
        state: (node) => nodes.node(node).state,
        ...{ clusterFormed, cluster, nowMs: tools.now() },
      });
    },
    apply: async (inventory) => {
      await tools.dhcp.setInventory(inventory);
      tools.controllers.keep(inventory.nodes);
      // Not waited for: a BMC that is away takes a minute to say so.
      void tools.consoles.keep(inventory.nodes);
      tellInsecureBmcs(inventory, tools.logger);
    },
  };
}

/** None where it can't be asked. */
async function lookAt(
  cluster: HookTools["cluster"],
  { cluster: { layers } }: Inventory,
): Promise<readonly Judgement[]> {
  const seen = await cluster.views().catch(() => []);
  return seen.length === layers.length ? seen : [];
}

export function tellInsecureBmcs({ nodes }: Inventory, logger: Logger): void {
  for (const problem of nodes.flatMap((node) => insecurityOfBmc(node) ?? []))
    logger.warn({ problem }, "a BMC is not checked");
}
