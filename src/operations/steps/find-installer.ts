// Waits until an installer answers over SSH, and makes sure that it is one, on the right machine, with the right disk.

import type { NodeStore } from "../../nodes/ports.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, wait } from "../result.ts";

export function findInstaller(context: StepContext): Step {
  const { node, install, inventory, nodes } = context;
  return {
    id: "installer",
    title: "wait for the installer",
    deadlineMs: inventory.timeouts.installerSeconds * 1000,
    next: `see how far the boot came: rackstrap explain ${node.name}; then look at its console`,
    run: async ({ nowMs, operation }, signal) => {
      const sighting = await install.find(signal);
      switch (sighting.kind) {
        case "found":
          return done({ installer: sighting.facts });
        case "refused":
          return failed(sighting.reason, sighting.next);
        case "absent":
          return wait(
            2000,
            `${sighting.why}; ${lastSign(nodes, node.name, operation.createdAtMs, nowMs)}`,
          );
      }
    },
  };
}

/** The newest thing the machine itself did since the operation began, so that a missing installer is traced to its stage. */
function lastSign(nodes: NodeStore, name: string, sinceMs: number, nowMs: number): string {
  const sign = nodes
    .events({ node: name, limit: 1000 })
    .findLast((event) => event.atMs >= sinceMs && /^(dhcp|tftp|boot)-/.test(event.kind));
  return sign === undefined
    ? "the machine has not been heard on the network"
    : `last sign: ${sign.kind}, ${Math.round((nowMs - sign.atMs) / 1000)} s ago`;
}
