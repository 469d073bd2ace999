// How fast a machine may be sent its images, as the operator wrote it.

import type { Mac } from "../net/mac.ts";
import { findNodeByMac } from "./find.ts";
import type { Inventory } from "./schema.ts";

/** Octets per second; undefined for no limit. The node's own setting counts before the site's, which is for strangers too. */
export function downloadRate(
  inventory: Pick<Inventory, "boot" | "nodes">,
  mac: Mac | undefined,
): number | undefined {
  const node = mac === undefined ? undefined : findNodeByMac(inventory, mac);
  const mebibytes = node?.downloadMiBPerSecond ?? inventory.boot.downloadMiBPerSecond;
  return mebibytes === undefined ? undefined : mebibytes * 1024 * 1024;
}
