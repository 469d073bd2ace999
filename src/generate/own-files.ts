// The files of the tree that are the same in every site: read from the product's own templates, and part of each tree so
// that it can be built without this program.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GeneratedFile } from "./file.ts";

const templates = join(import.meta.dirname, "../../templates");

/** Where each goes, and where it comes from. */
const places: readonly (readonly [path: string, template: string])[] = [
  ["common/base.nix", "nixos/base.nix"],
  ["first-boot/chainfire-cluster-join.service", "first-boot/chainfire-cluster-join.service"],
  ["first-boot/cluster-join", "first-boot/cluster-join"],
  ["first-boot/flaredb-cluster-join.service", "first-boot/flaredb-cluster-join.service"],
  ["modules/cluster-services.nix", "nixos/cluster-services.nix"],
  ["modules/first-boot-automation.nix", "nixos/first-boot-automation.nix"],
  ["modules/interface-names.nix", "nixos/interface-names.nix"],
  ["modules/interface-names.sh", "nixos/interface-names.sh"],
  ["modules/rackstrap.nix", "nixos/rackstrap.nix"],
];

/** All of them. Throws when the product is not whole. */
export function ownFiles(): readonly GeneratedFile[] {
  return places.map(([path, template]) => ({
    path,
    text: readFileSync(join(templates, template), "utf8"),
  }));
}
