// How long an install may take, and how many of them wait for one another. Pure.

import type { Inventory } from "../inventory/schema.ts";

/** The longest time from an install's first step to the start of its machine from the own disk, in seconds. */
export function longestInstallSeconds({ timeouts }: Pick<Inventory, "timeouts">): number {
  return timeouts.installerSeconds + timeouts.installSeconds + timeouts.diskBootSeconds;
}

/** How many times that long the last of so many installs takes. */
export function installRounds({ limits }: Pick<Inventory, "limits">, installs: number): number {
  return Math.ceil(installs / limits.installsAtOnce);
}
