// Brings the machine up into a network boot: hard off, PXE for the next boot only, on, and seen to be on.

import { type Bmc, BmcError } from "../../bmc/bmc.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, type StepResult, wait } from "../result.ts";

export function powerOn(context: StepContext): Step {
  const { node, controller } = context;
  return {
    id: "power",
    title: "network boot through the BMC",
    deadlineMs: 120_000,
    next: `check the BMC ${node.bmc.address}: rackstrap power status ${node.name}`,
    run: async ({ evidence }, signal) => {
      try {
        return await advance(controller, node.firmware === "uefi", evidence["phase"], signal);
      } catch (error) {
        if (!(error instanceof BmcError)) throw error;
        if (error.kind === "authentication" || error.kind === "unsupported")
          return failed(error.message, `check the BMC ${node.bmc.address} of node ${node.name}`);
        return wait(5000, error.message);
      }
    },
  };
}

/** Each attempt reads the state and does the one thing that is next. The phase is kept, so a restart does not switch off what is coming up. */
async function advance(
  bmc: Bmc,
  uefi: boolean,
  phase: unknown,
  signal: AbortSignal,
): Promise<StepResult> {
  const power = await bmc.powerState(signal);
  if (phase === "switched-on") {
    if (power === "on") return done({ power, phase });
    await bmc.power("on", signal);
    return wait(2000, "waiting for the BMC to report power on", { phase });
  }
  if (power === "on") {
    await bmc.power("off", signal);
    return wait(1000, "waiting for the BMC to report power off", { phase: "switched-off" });
  }
  await bmc.setBootOverride({ device: "pxe", persistent: false, uefi }, signal);
  await bmc.power("on", signal);
  return wait(1000, "waiting for the BMC to report power on", { phase: "switched-on" });
}
