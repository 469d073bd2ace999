// Which devices a node's layout is made of, in the order in which disko.nix takes them.

import { installDevice, secondLink } from "../inventory/disk.ts";
import type { Node } from "../inventory/schema.ts";

/** Of the links that the installer makes for disks that have no name of their own. */
export const linkFolder = "/dev/disk/by-rackstrap/";

/** One device, or two for a mirror. */
export function installDisks({ disk, layout }: Pick<Node, "disk" | "layout">): readonly string[] {
  const first = installDevice(disk);
  if (layout.kind !== "mirror") return [first];
  return [first, installDevice(layout.second, secondLink)];
}
