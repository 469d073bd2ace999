// Proves that the machine came up from its own disk: it answers with the host key that was put there.

import { formatDisk } from "../../inventory/disk.ts";
import { bootEvents, consoleFault } from "../boot-stage.ts";
import type { Operation } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";

export function bootDisk(context: StepContext): Step {
  const { node, nodes, install, inventory } = context;
  return {
    id: "disk-boot",
    title: "boot from its own disk",
    deadlineMs: inventory.timeouts.diskBootSeconds * 1000,
    next: `look at the console of node ${node.name}: boot loader, boot order, disk ${formatDisk(node.disk)}`,
    run: async ({ operation }, signal) => {
      const sighting = await install.bootedFromDisk(signal);
      if (!sighting.booted) {
        const fault = consoleFault(bootEvents(nodes, sinceInstalled(operation)));
        return wait(2000, fault === undefined ? sighting.why : `${sighting.why}; ${fault}`);
      }
      await install.stop();
      return done({ address: node.productionAddress }, "disk-booted");
    },
  };
}

/** What stood on the console before was the installer's boot. */
function sinceInstalled(operation: Operation): Operation {
  const install = operation.steps.find(({ id }) => id === "install");
  return { ...operation, createdAtMs: install?.endedAtMs ?? operation.createdAtMs };
}
