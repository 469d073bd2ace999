// The blocks of the cluster's services in a node's configuration (runbook §5.3). Their secrets are paths on the node, as texts:
// a path of Nix would be copied into the store, which every user can read.

import { secretsDirectory } from "../install/extra-files.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { ServiceName } from "../inventory/services.ts";
import type { Section } from "./module.ts";
import type { NixSet } from "./nix.ts";

const layers: readonly ServiceName[] = ["chainfire", "flaredb"];

/** One section for each service that the node runs, and one for its first boot. */
export function serviceSections(inventory: Inventory, node: Node): readonly Section[] {
  const tls = tlsOf(node);
  const blocks = node.services.map((name): Section => {
    const block = { enable: true, ...inventory.services[name], settings: settingsOf(name) };
    return { settings: [{ services: { [name]: block } }] };
  });
  const [first, ...others] = blocks;
  return [
    ...(first === undefined ? [] : [{ ...first, why: "The cluster's services" }, ...others]),
    ...firstBootSections(node),
  ];

  function settingsOf(name: ServiceName): NixSet {
    const { services, cluster } = inventory;
    const member = { node_id: node.name, cluster_name: cluster.name };
    const chainfire = `https://localhost:${services.chainfire.port}`;
    const flaredb = `https://localhost:${services.flaredb.port}`;
    switch (name) {
      case "chainfire":
        return { ...member, tls };
      case "flaredb":
        return { ...member, chainfire_endpoint: chainfire, tls };
      case "iam":
        return { flaredb_endpoint: flaredb, tls };
      default:
        return { tls };
    }
  }
}

function tlsOf(node: Node): NixSet {
  return {
    cert_path: `${secretsDirectory}/${node.name}-cert.pem`,
    key_path: `${secretsDirectory}/${node.name}-key.pem`,
    ca_path: `${secretsDirectory}/ca-cert.pem`,
  };
}

/** A node that runs neither layer is no member, and has nothing to join. */
function firstBootSections({ services }: Node): readonly Section[] {
  const joined = layers.filter((layer) => services.includes(layer));
  if (joined.length === 0) return [];
  const automation = {
    enable: true,
    configFile: `${secretsDirectory}/cluster-config.json`,
    layers: joined.length === layers.length ? undefined : joined,
  };
  return [
    {
      why: "Forms the cluster or joins it, as cluster-config.json says",
      settings: [{ services: { "first-boot-automation": automation } }],
    },
  ];
}
