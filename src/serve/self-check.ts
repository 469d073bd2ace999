// What the running server finds with itself, for `rackstrap check`: each finding with what to do about it.

import { type AssetManifest, assetProblems } from "../boot/assets.ts";
import { loadersInUse, signedLoaders } from "../boot/firmware.ts";
import type { Services } from "../bootplane/deps.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "../preflight/line.ts";
import { insecurityOfBmc } from "./controllers.ts";
import type { ForeignServer } from "./foreign-server-list.ts";

/** What is missing or damaged that the installer of these nodes needs; `all`: and what else is wrong in the directory. */
export function missingAssets(
  inventory: Inventory,
  manifest: AssetManifest,
  nodes: readonly Node[],
  scope: "all" | "needed" = "needed",
): string[] {
  const profiles = [...new Set(nodes.map((node) => node.profile))];
  const { boot, discovery } = inventory;
  if (scope === "all" && discovery.boot) profiles.push(discovery.profile);
  const common = scope === "all" ? loadersInUse(boot.fallbackLoader) : [];
  const own = nodes.flatMap((node) => loadersOf(node, manifest));
  return assetProblems(manifest, { profiles, loaders: [...new Set([...common, ...own])] }, scope);
}

/** What the node's firmware is given first, and what that loads. */
export function loadersOf(
  { loader, secureBoot, profile, firmware }: Node,
  { sets, loaders }: AssetManifest,
): readonly string[] {
  if (loader !== undefined) return [loader];
  const kernelName = sets.get(profile)?.kernelName ?? "bzImage";
  if (secureBoot === true) return signedLoaders(kernelName);
  if (kernelName === "Image") return loaders.has("grubaa64.efi") ? [] : ["ipxe-arm64.efi"];
  return [firmware === "bios" ? "undionly.kpxe" : "ipxe.efi"];
}

export function checkServer(
  inventory: Inventory,
  manifest: AssetManifest,
  services: Services,
  foreignServers: readonly ForeignServer[],
  scripts: readonly string[],
): readonly CheckLine[] {
  return [
    ...Object.entries(services).map(([name, status]) => checkService(name, status)),
    ...foreignServers.map((server) => checkForeignServer(inventory, server)),
    checkAssets(inventory, manifest),
    checkScripts(scripts),
    ...inventory.nodes.flatMap(checkBmcTrust),
  ];
}

function checkService(name: string, status: string): CheckLine {
  const subject = { area: "boot-server" as const, title: `service ${name}` };
  if (status === "running") return ok(subject, "running");
  if (status === "degraded")
    return error(subject, status, "see /health and the server's log for why");
  return error(subject, status, "read the server's log and start it again");
}

function checkForeignServer(inventory: Inventory, server: ForeignServer): CheckLine {
  const subject = { area: "network" as const, title: `another DHCP server, ${server.address}` };
  const detail = `answers on ${server.interface}, last heard at ${new Date(server.lastHeardMs).toISOString()}`;
  if (inventory.dhcp.allowSecondServer)
    return ok(subject, `${detail}; dhcp.allowSecondServer permits it`);
  return error(
    subject,
    detail,
    "switch it off or keep it from this network, or set the network's mode to proxy if it is to give the addresses: machines follow whichever answers first",
  );
}

function checkAssets(inventory: Inventory, manifest: AssetManifest): CheckLine {
  const subject = { area: "boot-server" as const, title: "boot assets" };
  const problems = missingAssets(inventory, manifest, inventory.nodes, "all");
  return problems.length === 0
    ? ok(subject, `${manifest.sets.size} image sets in ${manifest.root}`)
    : error(subject, problems.join("; "), "add or replace the files named here");
}

function checkScripts(faults: readonly string[]): CheckLine {
  const subject = { area: "boot-server" as const, title: "boot scripts" };
  if (faults.length === 0) return ok(subject, "every node's can be made");
  return error(
    subject,
    faults.join("; "),
    "correct the files named here: until then these machines boot their own disk",
  );
}

function checkBmcTrust(node: Node): CheckLine[] {
  const insecurity = insecurityOfBmc(node);
  if (insecurity === undefined) return [];
  const subject = { area: "hardware" as const, title: `BMC of node ${node.name}` };
  const next = `set nodes.${node.name}.bmc.trust.fingerprint: rackstrap bmc probe ${node.name} shows it`;
  return [warning(subject, insecurity, next)];
}
