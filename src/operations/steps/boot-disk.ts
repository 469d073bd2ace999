// Proves that the machine came up from its own disk: it answers with the host key that was put there.

import { BmcError } from "../../bmc/bmc.ts";
import { formatDisks } from "../../inventory/disk.ts";
import { bootLoop } from "../boot-loop.ts";
import { bootEvents, consoleFault } from "../boot-stage.ts";
import type { Operation } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, wait } from "../result.ts";

export function bootDisk(context: StepContext): Step {
  const { node, nodes, install, inventory } = context;
  const next = `look at the console of node ${node.name}: boot loader, boot order, disk ${formatDisks(node)}`;
  return {
    id: "disk-boot",
    title: "boot from its own disk",
    deadlineMs: inventory.timeouts.diskBootSeconds * 1000,
    next,
    run: async ({ operation, nowMs }, signal) => {
      const sighting = await install.bootedFromDisk(signal);
      if (!sighting.booted) {
        const events = bootEvents(nodes, sinceInstalled(operation));
        const loop = bootLoop(events, nowMs);
        if (loop !== undefined) {
          const off = await switchedOff(context);
          return failed(`node ${node.name} ${off}: ${loop}; its disk does not boot`, next);
        }
        const fault = consoleFault(events);
        return wait(2000, fault === undefined ? sighting.why : `${sighting.why}; ${fault}`);
      }
      await install.stop();
      return done({ address: node.productionAddress }, "disk-booted");
    },
  };
}

async function switchedOff({ switchOff }: StepContext): Promise<string> {
  try {
    await switchOff();
    return "is switched off";
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    return `could not be switched off (${error.message})`;
  }
}

/** What stood on the console before was the installer's boot. */
function sinceInstalled(operation: Operation): Operation {
  const install = operation.steps.find(({ id }) => id === "install");
  return { ...operation, createdAtMs: install?.endedAtMs ?? operation.createdAtMs };
}
