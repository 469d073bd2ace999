// Waits until an installer answers over SSH, and makes sure that it is one, on the right machine, with the right disk.

import type { TimelineEvent } from "../../nodes/ports.ts";
import { bootEvents, lastBootStage } from "../boot-stage.ts";
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
      const events = bootEvents(nodes, operation);
      const waiting = (why: string) => wait(2000, `${why}; ${lastSign(events, nowMs)}`);
      switch (sighting.kind) {
        case "found":
          return done({ installer: sighting.facts });
        case "refused":
          return failed(sighting.reason, sighting.next);
        case "other-host-key":
          // Before the machine has its keys, it is a system from before that still answers.
          return events.some(({ kind }) => kind === "keys-served")
            ? failed(sighting.reason, sighting.next)
            : waiting(sighting.reason);
        case "absent":
          return waiting(sighting.why);
      }
    },
  };
}

/** How far the machine itself came, so that a missing installer is traced to its stage. */
function lastSign(events: readonly TimelineEvent[], nowMs: number): string {
  const { sign, likely } = lastBootStage(events);
  const heard =
    sign === undefined
      ? "the machine has not been heard on the network"
      : `last sign: ${sign.kind}, ${Math.round((nowMs - sign.atMs) / 1000)} s ago`;
  return `${heard} (${likely})`;
}
