// Everything that a running server checks when it is asked to.

import type { CheckRequest } from "../api/shapes.ts";
import type { Assets } from "../boot/assets.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { CheckLine } from "../preflight/line.ts";
import { preflight } from "../preflight/preflight.ts";
import { systemSurroundings } from "../preflight/system.ts";
import type { Controllers } from "./controllers.ts";
import type { NetworkServices } from "./network-services.ts";
import type { Rendering } from "./rendering.ts";
import { checkServer } from "./self-check.ts";
import { scriptFaults } from "./site-templates.ts";

export interface CheckTools {
  readonly inventory: LiveInventory;
  readonly assets: Assets;
  readonly rendering: Rendering;
  readonly network: NetworkServices;
  readonly controllers: Controllers;
}

export async function checkAll(
  { inventory, assets, rendering, network, controllers }: CheckTools,
  { only, defaultPasswords }: CheckRequest,
): Promise<readonly CheckLine[]> {
  const site = inventory();
  const options = { running: true, tryDefaults: defaultPasswords === "try", only };
  const [found, outside] = await Promise.all([
    assets.reload(),
    preflight(site, systemSurroundings(probing(controllers)), options),
  ]);
  const faults = scriptFaults(site, rendering);
  const { services, dhcp } = network;
  const own = checkServer(site, found, services(), dhcp.foreignServers(), faults);
  return [...own.filter(({ area }) => only === undefined || area === only), ...outside];
}

/** Asks a BMC in the way of `rackstrap bmc probe`. */
export function probing({ probe }: Controllers) {
  return (node: Parameters<typeof probe>[0], tryDefaults: boolean) =>
    probe(node, tryDefaults, new AbortController().signal);
}
