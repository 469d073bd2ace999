// What the watches of machines and layers need of the store.

import type { Logger } from "pino";
import type { NewEvent, NodeStore } from "../nodes/ports.ts";
import type { OperationStore } from "../operations/operation.ts";

/** Writes to the timeline and never throws: a store that can't be written is no reason to stop watching. */
export function recordSafely(
  nodes: Pick<NodeStore, "append">,
  logger: Pick<Logger, "error">,
): (event: NewEvent) => void {
  return (event) => {
    try {
      nodes.append(event);
    } catch (error) {
      logger.error({ err: error, event: event.kind, node: event.node }, "event not recorded");
    }
  };
}

/** The nodes that an operation is at work on. */
export function operating(operations: Pick<OperationStore, "operations">): ReadonlySet<string> {
  return new Set(operations.operations({ running: true }).flatMap(({ nodes }) => nodes));
}
