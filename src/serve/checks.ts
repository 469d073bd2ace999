// Everything that a running server checks when it is asked to.

import type { CheckRequest } from "../api/shapes.ts";
import type { Assets } from "../boot/assets.ts";
import type { Inventory } from "../inventory/schema.ts";
import type { Ca } from "../pki/ca.ts";
import { pkiFindings } from "../pki/findings.ts";
import type { CertificateStore } from "../pki/issued.ts";
import type { CheckLine } from "../preflight/line.ts";
import { preflight } from "../preflight/preflight.ts";
import { systemSurroundings } from "../preflight/system.ts";
import type { Controllers } from "./controllers.ts";
import type { InventoryReload } from "./inventory-reload.ts";
import { checkInventoryStatus } from "./inventory-service.ts";
import type { NetworkServices } from "./network-services.ts";
import type { Rendering } from "./rendering.ts";
import { checkServer } from "./self-check.ts";
import { scriptFaults } from "./site-templates.ts";

export interface CheckTools {
  readonly reload: Pick<InventoryReload, "inForce" | "status">;
  readonly assets: Assets;
  readonly rendering: Rendering;
  readonly network: NetworkServices;
  readonly controllers: Controllers;
  readonly ca: () => Ca;
  readonly certificates: CertificateStore;
  readonly now: () => number;
}

export async function checkAll(
  tools: CheckTools,
  { only, defaultPasswords }: CheckRequest,
): Promise<readonly CheckLine[]> {
  const { reload, assets, rendering, network, controllers } = tools;
  const site = reload.inForce();
  const options = { running: true, tryDefaults: defaultPasswords === "try", only };
  const [found, outside] = await Promise.all([
    assets.reload(),
    preflight(site, systemSurroundings(probing(controllers)), options),
  ]);
  const faults = scriptFaults(site, rendering);
  const { services, dhcp } = network;
  const own = [
    ...checkInventoryStatus(reload.status()),
    ...checkServer(site, found, services(), dhcp.foreignServers(), faults),
    ...checkCertificates(tools, site),
  ];
  return [...own.filter(({ area }) => only === undefined || area === only), ...outside];
}

function checkCertificates({ ca, certificates, now }: CheckTools, site: Inventory): CheckLine[] {
  const names = site.nodes.map(({ name }) => name);
  const findings = pkiFindings(ca(), certificates.certificates(), names, now());
  return findings.map((finding) => ({ area: "tls", ...finding }));
}

/** Asks a BMC in the way of `rackstrap bmc probe`. */
export function probing({ probe }: Controllers) {
  return (node: Parameters<typeof probe>[0], tryDefaults: boolean) =>
    probe(node, tryDefaults, new AbortController().signal);
}
