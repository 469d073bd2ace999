// Proves that the machine came up from its own disk: it answers with the host key that was put there.

import type { StepContext } from "../provision.ts";
import { done, type Step, wait } from "../result.ts";

export function bootDisk(context: StepContext): Step {
  const { node, install, inventory } = context;
  return {
    id: "disk-boot",
    title: "boot from its own disk",
    deadlineMs: inventory.timeouts.diskBootSeconds * 1000,
    next: `look at the console of node ${node.name}: boot loader, boot order, disk ${node.disk}`,
    run: async (_attempt, signal) => {
      const sighting = await install.bootedFromDisk(signal);
      if (!sighting.booted) return wait(2000, sighting.why);
      await install.stop();
      return done({ address: node.productionAddress }, "disk-booted");
    },
  };
}
