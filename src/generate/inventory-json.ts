// The list of machines that scripts written for the runbook read (§4.1, §7.6). Pure.

import type { Node } from "../inventory/schema.ts";
import type { GeneratedFile } from "./file.ts";
import type { Site } from "./site.ts";

export function inventoryJsonFiles({ inventory }: Site): readonly GeneratedFile[] {
  const text = JSON.stringify({ nodes: inventory.nodes.map(machine) }, undefined, 2);
  return [{ path: "inventory.json", text: `${text}\n` }];
}

function machine(node: Node) {
  const { name, fqdn, mac, serial, role, profile, rack, position } = node;
  return {
    ...{ hostname: name, fqdn, mac },
    ...(serial === undefined ? {} : { serial }),
    ...{ role, profile },
    ipAddress: node.provisioningAddress,
    productionAddress: node.productionAddress,
    bmcAddress: node.bmc.address,
    ...(rack === undefined ? {} : { rack }),
    ...(position === undefined ? {} : { position }),
  };
}
