// Off, network boot for the next start only, on: each attempt reads the power state and does the one thing that is next.

import type { Bmc } from "../bmc/bmc.ts";
import type { Node } from "../inventory/schema.ts";
import { done, type StepResult, wait } from "./result.ts";

/**
 * One move towards a machine that was off and then booted from the network. `phase` is what the evidence of the last move says;
 * it is kept, so that a restart of the server does not switch off what is coming up. Throws the BMC's errors.
 */
export async function restartIntoNetworkBoot(
  bmc: Bmc,
  { firmware }: Pick<Node, "firmware">,
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
  await bmc.setBootOverride(
    { device: "pxe", persistent: false, uefi: firmware === "uefi" },
    signal,
  );
  await bmc.power("on", signal);
  return wait(1000, "waiting for the BMC to report power on", { phase: "switched-on" });
}
