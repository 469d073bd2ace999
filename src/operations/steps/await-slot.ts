// Not too many installs at one time: each reads gigabytes of the same cache over the same network.

import { clusterPeers } from "../../inventory/peers.ts";
import { installRounds, longestInstallSeconds } from "../install-time.ts";
import { comingFounder } from "../membership.ts";
import type { Operation } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";

export function awaitSlot({ operations, inventory }: StepContext): Step {
  const { installsAtOnce } = inventory.limits;
  // One that others will join comes before them.
  const founders = clusterPeers(inventory).map(({ name }) => name);
  return {
    id: "slot",
    title: "wait for a place among the installs",
    deadlineMs:
      installRounds(inventory, inventory.nodes.length) * longestInstallSeconds(inventory) * 1000,
    next: "look at the other operations: rackstrap operations list",
    run: async ({ operation }) => {
      // All that is asked here is decided from one look, so that two never take the same place.
      const running = operations.operations({ running: true });
      const coming = new Set(running.flatMap(({ nodes }) => nodes));
      const isFounder = ({ kind, node, batch }: Operation) =>
        kind === "provision" && node === comingFounder(founders, batch, (name) => coming.has(name));
      const rank = (other: Operation) => (isUnderWay(other) ? 0 : isFounder(other) ? 1 : 2);
      // Oldest first.
      const queue = running
        .toReversed()
        .filter(isInstall)
        .toSorted((a, b) => rank(a) - rank(b));
      const ahead = queue.slice(
        0,
        queue.findIndex(({ id }) => id === operation.id),
      );
      if (ahead.length < installsAtOnce) return done();
      const names = ahead.map(({ node }) => node).join(", ");
      return wait(
        2000,
        `${installsAtOnce} at one time (limits.installsAtOnce); before it: ${names}`,
      );
    },
  };
}

/** An operation that will install, or installs, a machine. */
function isInstall({ kind, steps }: Operation): boolean {
  const booted = steps.find(({ id }) => id === "disk-boot");
  return booted === undefined ? kind === "provision" : booted.status !== "done";
}

/** It has its place or its turn, or its procedure asks for none. One that waits for others must not keep them waiting. */
function isUnderWay({ steps }: Operation): boolean {
  const place = steps.find(({ id }) => id === "slot" || id === "turn");
  return place === undefined || place.status === "done";
}
