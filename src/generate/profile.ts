// A profile's file: the place for what its nodes have in common. What the inventory says of a profile stands with each
// node, completed, so that a node's file can be read by itself.

import type { Inventory } from "../inventory/schema.ts";
import { printModule } from "./module.ts";

/** The text of profiles/NAME.nix. */
export function profileFile(name: string, { role }: Inventory["profiles"][string]): string {
  return printModule({
    about: `Profile ${name}: ${role}. Written by rackstrap generate; what its nodes are to have besides goes into site/default.nix.`,
    takes: "{ lib, ... }",
    sections: [{ settings: [{ rackstrap: { profile: name, role } }] }],
  });
}
