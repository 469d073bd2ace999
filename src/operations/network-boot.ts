// Off, network boot for the next start only, on: each attempt reads the power state and does the one thing that is next.

import type { BootOverride, PowerState } from "../bmc/bmc.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { StepContext } from "./provision.ts";
import { type Attempt, done, failed, type StepResult, wait } from "./result.ts";

// BMCs that lost a request or answered too early get it again, but not at once and not for ever.
const resendMs = 15_000;
const maxRequests = 3;
const lookMs = 2_000;

/**
 * One move towards a machine that was off and then booted from the network. The evidence of the last move says how far it is. That
 * it is switched on is kept before it is: whatever answer is lost after that, or if the server restarts, the machine is not switched
 * off while it comes up. `offSeenMs` of the evidence is when it was seen off before that: what is heard later comes from its boot.
 * Throws the BMC's errors.
 */
export async function restartIntoNetworkBoot(
  context: StepContext,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { phase } = attempt.evidence;
  const power = await context.controller.powerState(signal);
  if (phase === "switched-on")
    return power === "on" ? done({ power, phase }) : await ask(context, "on", attempt, signal);
  if (power === "on") return await ask(context, "off", attempt, signal);
  const offSeenMs = context.clock.now();
  return wait(0, "the machine is off", { phase: "switched-on", requests: 0, offSeenMs });
}

/** How long the last machine of a site may have to wait until all others have started. */
export function longestTurnMs({ nodes, power }: Inventory): number {
  return (nodes.length / Math.min(power.startsPerSecond, power.startsPerSecondPerGroup)) * 1000;
}

async function ask(
  context: StepContext,
  target: PowerState,
  { operation, evidence, nowMs }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { controller, node, nodes, clock } = context;
  const requests = Number(evidence["requests"] ?? 0);
  const waiting = `waiting for the BMC to report power ${target}`;
  if (requests > 0 && nowMs - Number(evidence["askedMs"]) < resendMs) return wait(lookMs, waiting);
  if (requests >= maxRequests)
    return failed(
      `the BMC took "power ${target}" ${requests} times and reports no change`,
      `restart the BMC ${node.bmc.address}, or switch node ${node.name} by hand, and provision it again`,
    );
  let override: { readonly wanted: string; readonly kept: string } | undefined;
  if (target === "on") {
    // Before the boot device: many BMCs forget it after a minute.
    await context.startTurn(node, signal);
    if (requests === 0) context.powerAsked(node, "on", { operation: operation.id });
    const wanted = { device: "pxe", persistent: false, uefi: node.firmware === "uefi" } as const;
    const kept = await controller.setBootOverride(wanted, signal);
    override = { wanted: bootText(wanted), kept: bootText(kept) };
  }
  await controller.power(target, signal);
  const phase = `switched-${target}`;
  const asked = { phase, requests: requests + 1, askedMs: clock.now() };
  if (override === undefined || override.kept === override.wanted)
    return wait(lookMs, waiting, asked);
  const detail = { operation: operation.id, ...override };
  if (requests === 0)
    nodes.append({ node: node.name, mac: node.mac, kind: "boot-device-differs", detail });
  return wait(lookMs, waiting, { ...asked, keptBoot: override.kept });
}

/** `pxe by UEFI at the next boot`. */
function bootText({ device, uefi, persistent }: BootOverride): string {
  return `${device} by ${uefi ? "UEFI" : "BIOS"} at ${persistent ? "every" : "the next"} boot`;
}
