// What the running server finds with itself, for `rackstrap check`: each finding with what to do about it.

import type { CheckResult } from "../api/shapes.ts";
import { type AssetManifest, assetProblems } from "../boot/assets.ts";
import { loadersInUse, signedLoaders } from "../boot/firmware.ts";
import type { Services } from "../bootplane/deps.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { readSecret } from "../inventory/secret.ts";
import { messageOf } from "../net/error-text.ts";
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
  const common = scope === "all" ? loadersInUse(inventory.boot.fallbackLoader) : [];
  const own = nodes.flatMap((node) => loadersOf(node, manifest));
  return assetProblems(manifest, { profiles, loaders: [...new Set([...common, ...own])] }, scope);
}

/** What the node's firmware is given first, and what that loads. */
function loadersOf(
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
): CheckResult[] {
  return [
    ...Object.entries(services).map(([name, status]) => checkService(name, status)),
    ...foreignServers.map((server) => checkForeignServer(inventory, server)),
    checkAssets(inventory, manifest),
    checkScripts(scripts),
    ...inventory.nodes.flatMap(checkBmcSecret),
    ...inventory.nodes.flatMap(checkBmcTrust),
  ];
}

function checkService(name: string, status: string): CheckResult {
  const title = `service ${name}`;
  if (status === "running") return { title, ok: true, detail: "running" };
  if (status === "degraded")
    return { title, ok: false, detail: status, next: "see /health and the server's log for why" };
  return { title, ok: false, detail: status, next: "read the server's log and start it again" };
}

function checkForeignServer(inventory: Inventory, server: ForeignServer): CheckResult {
  const title = `another DHCP server, ${server.address}`;
  const detail = `answers on ${server.interface}, last heard at ${new Date(server.lastHeardMs).toISOString()}`;
  if (inventory.dhcp.allowSecondServer)
    return { title, ok: true, detail: `${detail}; dhcp.allowSecondServer permits it` };
  return {
    title,
    ok: false,
    detail,
    next: "switch it off or keep it from this network, or set the network's mode to proxy if it is to give the addresses: machines follow whichever answers first",
  };
}

function checkAssets(inventory: Inventory, manifest: AssetManifest): CheckResult {
  const title = "boot assets";
  const problems = missingAssets(inventory, manifest, inventory.nodes, "all");
  if (problems.length === 0)
    return { title, ok: true, detail: `${manifest.sets.size} image sets in ${manifest.root}` };
  return {
    title,
    ok: false,
    detail: problems.join("; "),
    next: "add or replace the files named here",
  };
}

function checkScripts(faults: readonly string[]): CheckResult {
  const title = "boot scripts";
  if (faults.length === 0) return { title, ok: true, detail: "every node's can be made" };
  const next = "correct the files named here: until then these machines boot their own disk";
  return { title, ok: false, detail: faults.join("; "), next };
}

/** Reports only what is wrong: a secret that can be read says nothing about itself. */
function checkBmcSecret(node: Node): CheckResult[] {
  try {
    readSecret(node.bmc.password, process.env);
    return [];
  } catch (error) {
    const detail = messageOf(error);
    return [
      {
        title: `BMC password of node ${node.name}`,
        ok: false,
        detail,
        next: `power and provision of node ${node.name} fail until it can be read`,
      },
    ];
  }
}

function checkBmcTrust(node: Node): CheckResult[] {
  const detail = insecurityOfBmc(node);
  if (detail === undefined) return [];
  const next = `set nodes.${node.name}.bmc.trust.fingerprint: rackstrap bmc probe ${node.name} shows it`;
  return [{ title: `BMC of node ${node.name}`, ok: false, detail, next }];
}
