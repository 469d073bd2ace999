// Which devices a node's layout is made of, in the order in which disko.nix takes them.

import { installDevice, installLink } from "../inventory/disk.ts";
import type { Node } from "../inventory/schema.ts";

/** Of the links that the installer makes for disks that have no name of their own. */
export const linkFolder = "/dev/disk/by-rackstrap/";

/** The link to the second disk of a mirror, where that has no name of its own either. */
const secondLink = `${linkFolder}second`;

/** One device, or two for a mirror. */
export function installDisks({ disk, layout }: Pick<Node, "disk" | "layout">): readonly string[] {
  const first = installDevice(disk);
  if (layout.kind !== "mirror") return [first];
  const second = installDevice(layout.second);
  return [first, second === installLink ? secondLink : second];
}
