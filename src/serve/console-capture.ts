// Listens to the console of each node while an operation runs for it.

import type { Logger } from "pino";
import { findNode } from "../inventory/find.ts";
import type { Inventory } from "../inventory/schema.ts";
import { captureConsole } from "../operations/console-capture.ts";
import { consoleDirectory, openConsoleFile } from "../operations/console-file.ts";
import type { ConsoleHub } from "../operations/console-hub.ts";
import type { Clock } from "../operations/runner.ts";
import type { Store } from "../store/store.ts";

export interface CaptureParts {
  readonly inventory: Inventory;
  readonly store: Pick<Store, "nodes" | "operations">;
  readonly consoles: ConsoleHub;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the runner has go on beside each operation. */
export function createCapture({ inventory, store, consoles, clock, logger }: CaptureParts) {
  return async (id: string, signal: AbortSignal): Promise<void> => {
    const { nodes, operations } = store;
    const name = operations.operation(id)?.node ?? "";
    const node = findNode(inventory, name);
    // An operation on a node that the inventory has no more is ended by the runner.
    if (node === undefined) return;
    const directory = consoleDirectory(inventory.server.stateDirectory, name);
    const file = openConsoleFile(directory, id, (problem) =>
      logger.error({ problem, operation: id, node: name }, "console not recorded"),
    );
    const onFault = (error: unknown) =>
      logger.error({ err: error, operation: id, node: name }, "console event not recorded");
    await captureConsole(
      { nodes, operations, console: consoles.find(node), file, clock, onFault },
      { id, node: name },
      signal,
    );
  };
}
