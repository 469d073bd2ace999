// The NixOS configuration of every node of an inventory, as a tree of files (runbook §5.3). Holds what anybody may read: a
// node's keys, certificates and cluster-config.json are brought to it by its install.

import type { Inventory } from "../inventory/schema.ts";
import { configurationFile } from "./configuration.ts";
import { diskoFile } from "./disko.ts";
import { checkFacts, type NixosFacts } from "./facts.ts";
import type { GeneratedFile } from "./file.ts";
import { flakeFile } from "./flake.ts";
import { hardwareFile } from "./hardware.ts";
import { ownFiles } from "./own-files.ts";
import { profileFile } from "./profile.ts";

/** The files in the order of their paths, which are relative to the root of the flake. Throws when `facts` hold what is not public. */
export function nixosFiles(inventory: Inventory, facts: NixosFacts): GeneratedFile[] {
  checkFacts(facts);
  const nodes = inventory.nodes.flatMap((node): GeneratedFile[] => {
    const folder = `nodes/${node.fqdn}`;
    return [
      { path: `${folder}/configuration.nix`, text: configurationFile(inventory, node, facts) },
      { path: `${folder}/disko.nix`, text: diskoFile(node) },
      {
        path: `${folder}/hardware.nix`,
        text: hardwareFile(inventory, node, facts.hardware.get(node.name) ?? {}),
      },
    ];
  });
  const profiles = Object.entries(inventory.profiles).map(
    ([name, profile]): GeneratedFile => ({
      path: `profiles/${name}.nix`,
      text: profileFile(name, profile),
    }),
  );
  const files = [
    { path: "flake.nix", text: flakeFile(inventory) },
    ...ownFiles(),
    ...profiles,
    ...nodes,
  ];
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
