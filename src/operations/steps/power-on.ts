// Brings the machine up into a network boot: hard off, PXE for the next boot only, on, and seen to be on.

import { BmcError } from "../../bmc/bmc.ts";
import { longestTurnMs, restartIntoNetworkBoot } from "../network-boot.ts";
import type { StepContext } from "../provision.ts";
import { failed, type Step, wait } from "../result.ts";

export function powerOn(context: StepContext): Step {
  const { node, inventory } = context;
  return {
    id: "power",
    title: "network boot through the BMC",
    deadlineMs: 120_000 + longestTurnMs(inventory),
    next: `check the BMC ${node.bmc.address}: rackstrap power status ${node.name}`,
    run: async (attempt, signal) => {
      try {
        return await restartIntoNetworkBoot(context, attempt, signal);
      } catch (error) {
        if (!(error instanceof BmcError)) throw error;
        if (error.kind === "authentication" || error.kind === "unsupported")
          return failed(error.message, `check the BMC ${node.bmc.address} of node ${node.name}`);
        return wait(5000, error.message);
      }
    },
  };
}
