// Targets for Prometheus (file_sd): one file for each service, and one for rackstrap's own figures. Pure.

import type { Inventory, Node } from "../inventory/schema.ts";
import { serviceNames } from "../inventory/services.ts";
import type { GeneratedFile } from "./file.ts";
import { identifiersFor } from "./identifiers.ts";
import type { Site } from "./site.ts";

interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** A service that runs nowhere has no file. JSON has no comments, so these files do not say where they come from. */
export function prometheusFiles({ inventory }: Site): readonly GeneratedFile[] {
  const labelNames = identifiersFor(inventory.nodes.flatMap(({ labels }) => Object.keys(labels)));
  const services = serviceNames.flatMap((service) => {
    const groups = inventory.nodes
      .filter((node) => node.services.includes(service))
      .map((node) => ({
        targets: [`${node.fqdn}:${inventory.services[service].port}`],
        labels: { job: service, ...nodeLabels(inventory, node, labelNames) },
      }));
    return groups.length === 0 ? [] : [targetFile(service, groups)];
  });
  const { address, port } = inventory.server.api;
  const own = {
    targets: [`${address}:${port}`],
    labels: { job: "rackstrap", site: inventory.site },
  };
  return [...services, targetFile("rackstrap", [own])];
}

function targetFile(job: string, groups: readonly TargetGroup[]): GeneratedFile {
  return { path: `monitoring/${job}.json`, text: `${JSON.stringify(groups, undefined, 2)}\n` };
}

/** The node's own labels begin with `label_`, so that none can pass for one of ours or of Prometheus. */
function nodeLabels(
  { site, cluster }: Inventory,
  node: Node,
  labelNames: ReadonlyMap<string, string>,
): Readonly<Record<string, string>> {
  const { name, role, profile, rack, position } = node;
  const own = Object.entries(node.labels).map(([key, value]): [string, string] => [
    `label_${labelNames.get(key)}`,
    value,
  ]);
  return {
    ...{ site, cluster: cluster.name, node: name, role, profile },
    ...(rack === undefined ? {} : { rack }),
    ...(position === undefined ? {} : { position: String(position) }),
    ...Object.fromEntries(own),
  };
}
