// Brings the machine up into a network boot: hard off and seen off, PXE for the next boot only, on, and seen to be on.

import { BmcError, type PowerState } from "../../bmc/bmc.ts";
import type { StepContext } from "../provision.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";

// BMCs that lost a request or answered too early get it again, but not at once and not for ever.
const resendMs = 15_000;
const maxRequests = 3;
const lookMs = 2_000;

export function powerOn(context: StepContext): Step {
  const { node, inventory } = context;
  const { startsPerSecond, startsPerSecondPerGroup } = inventory.power;
  const slowest = Math.min(startsPerSecond, startsPerSecondPerGroup);
  return {
    id: "power",
    title: "network boot through the BMC",
    // The last of a whole site has to wait until all others have started.
    deadlineMs: 120_000 + (inventory.nodes.length / slowest) * 1000,
    next: `check the BMC ${node.bmc.address}: rackstrap power status ${node.name}`,
    run: async (attempt, signal) => {
      try {
        return await advance(context, attempt, signal);
      } catch (error) {
        if (!(error instanceof BmcError)) throw error;
        if (error.kind === "authentication" || error.kind === "unsupported")
          return failed(error.message, `check the BMC ${node.bmc.address} of node ${node.name}`);
        return wait(5000, error.message);
      }
    },
  };
}

/**
 * Each attempt reads the state and does the one thing that is next. The phase is kept before the machine is switched on: whatever
 * answer is lost after that, it is never switched off again while it comes up.
 */
async function advance(
  context: StepContext,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { phase } = attempt.evidence;
  const power = await context.controller.powerState(signal);
  if (phase === "switched-on")
    return power === "on" ? done({ power, phase }) : await ask(context, "on", attempt, signal);
  if (power === "on") return await ask(context, "off", attempt, signal);
  return wait(0, "the machine is off", { phase: "switched-on", requests: 0 });
}

async function ask(
  context: StepContext,
  target: PowerState,
  { operation, evidence, nowMs }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { controller, node, clock } = context;
  const requests = Number(evidence["requests"] ?? 0);
  const waiting = `waiting for the BMC to report power ${target}`;
  if (requests > 0 && nowMs - Number(evidence["askedMs"]) < resendMs) return wait(lookMs, waiting);
  if (requests >= maxRequests)
    return failed(
      `the BMC took "power ${target}" ${requests} times and reports no change`,
      `restart the BMC ${node.bmc.address}, or switch node ${node.name} by hand, and provision it again`,
    );
  if (target === "on") {
    // Before the boot device: many BMCs forget it after a minute.
    await context.startTurn(node, signal);
    if (requests === 0) context.powerAsked(node, "on", { operation: operation.id });
    const uefi = node.firmware === "uefi";
    await controller.setBootOverride({ device: "pxe", persistent: false, uefi }, signal);
  }
  await controller.power(target, signal);
  const phase = `switched-${target}`;
  return wait(lookMs, waiting, { phase, requests: requests + 1, askedMs: clock.now() });
}
