// Decides from the live cluster whether this node forms it or joins it, and writes the files it will carry.

import { layers } from "../../cluster/driver.ts";
import type { Inventory, Node, Role } from "../../inventory/schema.ts";
import { decideMembership } from "../membership.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, wait } from "../result.ts";

const founding: readonly Role[] = ["control-plane", "all-in-one"];

/** The nodes that may form the cluster, in the inventory's order. */
export function foundersOf(inventory: Inventory): Node[] {
  return inventory.nodes.filter((node) => founding.includes(node.role));
}

export function settleMembership(context: StepContext): Step {
  const { node, inventory, install } = context;
  return {
    id: "membership",
    title: "bootstrap or join, from the live cluster",
    deadlineMs: 120_000,
    next: "look at the cluster: rackstrap cluster status",
    run: async ({ operation }, signal) => {
      const cluster = inventory.cluster.name;
      const answering = await liveLeader(context, signal);
      const known = context.clusters.claim(cluster);
      const founders = foundersOf(inventory);
      const first = founders.find((other) => operation.batch.includes(other.name));
      if (answering === undefined && known === undefined && first === undefined)
        return failed(
          `cluster ${cluster} does not exist yet and node ${node.name} is a ${node.role}: only a control-plane node may form it`,
          `provision a control-plane node first: rackstrap provision ${founders[0]?.name ?? "NODE"}`,
        );
      // The claim is made before any install, in the store: two operations can't both get it.
      const claim =
        answering === undefined && first !== undefined
          ? context.clusters.claimBootstrap(cluster, first.name)
          : known;
      const founder = founders.find((other) => other.name === claim?.node);
      const decision = decideMembership(
        { cluster, answering, claim },
        {
          name: node.name,
          peers: founders.map((other) => other.fqdn),
          founder: founder?.fqdn ?? node.fqdn,
          founderName: founder?.name ?? "",
        },
      );
      if ("wait" in decision) return wait(3000, decision.wait);
      if ("refused" in decision) return failed(decision.refused, decision.next);
      await install.prepare(decision.membership);
      return done({ membership: decision.membership });
    },
  };
}

/** The leader's full name when any member answers on any layer; chainfire speaks first, it is what others join through. */
async function liveLeader(
  context: StepContext,
  signal: AbortSignal,
): Promise<{ leader: string | undefined } | undefined> {
  const views = await Promise.all(layers.map((layer) => context.cluster.view(layer, signal)));
  const live = views.filter((view) => view.verdict !== "no-cluster");
  if (live.length === 0) return undefined;
  const name = live.find((view) => view.leader !== undefined)?.leader;
  return { leader: context.inventory.nodes.find((node) => node.name === name)?.fqdn };
}
