// Which settings can't change while the server runs, and an inventory as it is in force until then. Pure.

import { checkInventory, type Finding } from "./check.ts";
import { diffInventories, type SettingChange } from "./diff.ts";
import type { Inventory } from "./schema.ts";

/** Sockets, files and keys that are opened or made at the start: all of `server` and `pki`, and single settings elsewhere. */
const atStart = ["server", "pki", "install.sshKey", "dhcp.conflictProbe"];

export interface Started {
  /** The inventory with these settings as the server was started with. */
  readonly inventory: Inventory;
  /** What in the file is otherwise, and takes effect when the server is started again. */
  readonly needsRestart: readonly SettingChange[];
}

/** `next` as it can be in force in a server that was started with `started`. */
export function untilRestart(started: Inventory, next: Inventory): Started {
  const { sshKey: _, ...install } = next.install;
  const { sshKey } = started.install;
  return {
    inventory: {
      ...next,
      server: started.server,
      pki: started.pki,
      install: { ...install, ...(sshKey !== undefined && { sshKey }) },
      dhcp: { ...next.dhcp, conflictProbe: started.dhcp.conflictProbe },
    },
    needsRestart: diffInventories(started, next).settings.filter(({ path }) =>
      atStart.some((setting) => path === setting || path.startsWith(`${setting}.`)),
    ),
  };
}

/**
 * Which rules the settings in force until the restart and those of the file break together, though each file is sound: a network and
 * the server's address in it move at one time or not at all.
 */
export function mixtureFindings({ inventory, needsRestart }: Started): readonly Finding[] {
  if (needsRestart.length === 0) return [];
  const nodes = inventory.nodes.map((node) => [
    node.name,
    { ...node, services: [...node.services] },
  ]);
  return checkInventory({ ...inventory, nodes: Object.fromEntries(nodes) }).filter(
    ({ severity }) => severity !== "warning",
  );
}
