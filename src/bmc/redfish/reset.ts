// Which ResetType a power action is on this machine (DSP0268, Resource.ResetType).

import type { PowerAction } from "../bmc.ts";

// In the order of preference. `soft` has no second: a button that is pressed means what the operating system makes of it, and
// PushPowerButton turns an idle machine on.
const candidates: Readonly<Record<PowerAction, readonly string[]>> = {
  on: ["On", "ForceOn"],
  off: ["ForceOff"],
  soft: ["GracefulShutdown"],
  cycle: ["PowerCycle", "ForceRestart"],
  reset: ["ForceRestart"],
};

/** The ResetType to send; undefined when the machine has none for this. `allowed` undefined: it does not say, so the usual one. */
export function resetTypeOf(
  action: PowerAction,
  allowed: readonly string[] | undefined,
): string | undefined {
  const usual = candidates[action];
  return allowed === undefined ? usual[0] : usual.find((type) => allowed.includes(type));
}

/** On, off: a second one finds its work done. The others would do theirs again, or press the button twice. */
export function isRepeatable(action: PowerAction): boolean {
  return action === "on" || action === "off";
}
