// The serial consoles of the nodes: for whoever looks, and for the recording that goes on while an operation runs.

import type { Logger } from "pino";
import type { Bmc } from "../bmc/bmc.ts";
import { systemClock } from "../bmc/clock.ts";
import { findNode } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import { captureConsole } from "../operations/console-capture.ts";
import {
  type ConsoleLog,
  consoleDirectory,
  openConsoleFile,
  readConsoleLog,
} from "../operations/console-file.ts";
import { type ConsoleHub, createConsoleHub } from "../operations/console-hub.ts";
import type { Clock } from "../operations/runner.ts";
import type { Store } from "../store/store.ts";

export interface ConsoleParts {
  readonly inventory: LiveInventory;
  readonly store: Pick<Store, "nodes" | "operations">;
  readonly bmc: (node: Node) => Bmc;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Consoles {
  readonly hub: ConsoleHub;
  /** What the runner has go on beside each operation. */
  accompany(operationId: string, signal: AbortSignal): Promise<void>;
  /** What the console of the last operation printed. */
  log(node: Node): Promise<ConsoleLog | undefined>;
  close(): Promise<void>;
}

export function createConsoles({ inventory, store, bmc, clock, logger }: ConsoleParts): Consoles {
  const { nodes, operations } = store;
  const hub = createConsoleHub(bmc, systemClock);
  const directoryOf = (node: Node) =>
    consoleDirectory(inventory().server.stateDirectory, node.name);
  return {
    hub,
    accompany: async (id, signal) => {
      const node = findNode(inventory(), operations.operation(id)?.node ?? "");
      // An operation on a node that the inventory has no more is ended by the runner.
      if (node === undefined) return;
      const about = { operation: id, node: node.name };
      const file = openConsoleFile(directoryOf(node), id, (problem) =>
        logger.error({ problem, ...about }, "console not recorded"),
      );
      const onFault = (error: unknown) =>
        logger.error({ err: error, ...about }, "console event not recorded");
      await captureConsole(
        { nodes, operations, console: hub.find(node), file, clock, onFault },
        { id, node: node.name },
        signal,
      );
    },
    log: (node) => readConsoleLog(directoryOf(node)),
    close: () => hub.close(),
  };
}
