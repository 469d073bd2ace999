// Has the running server follow its inventory: what changes is taken as soon as the files come to rest.

import type { Clock } from "../operations/runner.ts";
import { createReloadHooks, type HookTools } from "./inventory-hooks.ts";
import { createInventoryRecord, tellWarnings } from "./inventory-record.ts";
import type { InventoryReload } from "./inventory-reload.ts";
import { startInventoryWatch, watchDiskFolder } from "./inventory-watch.ts";

export interface FollowTools extends Omit<HookTools, "now"> {
  readonly reload: InventoryReload;
  readonly clock: Clock;
}

export function followInventory(tools: FollowTools): { close(): Promise<void> } {
  const { reload, clock, store, logger } = tools;
  reload.begin({
    ...createReloadHooks({ ...tools, now: clock.now }),
    onRead: createInventoryRecord(store.nodes.append, logger),
  });
  tellWarnings(reload.status().warnings, logger);
  const onFailure = (error: unknown) =>
    logger.warn({ err: error }, "the inventory's folder can't be watched: it is looked at instead");
  return startInventoryWatch({
    read: reload.read,
    isLastRead: reload.isLastRead,
    onChange: () => reload.reload("files"),
    clock,
    watchFolder: (folder, onEvent) => watchDiskFolder(folder, onEvent, onFailure),
  });
}
