// Tells people of each reading of the inventory that changed something or failed: in the log, and on the timeline.

import type { Logger } from "pino";
import type { InventoryVerdict } from "../api/inventory-shapes.ts";
import { formatProblem } from "../inventory/load.ts";
import type { NodeStore } from "../nodes/ports.ts";
import type { ReloadCause } from "./inventory-reload.ts";

/** Of one kind, in one event: a site that is written anew must not fill the store. */
const most = 50;

/** Never throws: a store that can't be written (a full disk) must not keep the inventory from being taken. */
export function createInventoryRecord(
  append: NodeStore["append"],
  logger: Logger,
): (verdict: InventoryVerdict, cause: ReloadCause) => void {
  const record = (kind: string, detail: Readonly<Record<string, unknown>>) => {
    try {
      append({ node: undefined, mac: undefined, kind, detail });
    } catch (error) {
      logger.error({ err: error, event: kind }, "event not recorded");
    }
  };
  return ({ problems, refused, needsRestart, warnings, diff }, cause) => {
    const waiting = needsRestart.map(({ path }) => path);
    for (const problem of problems.slice(0, most))
      logger.error({ cause, problem: formatProblem(problem) }, "the inventory is not taken");
    for (const { node, reason, next } of refused.slice(0, most))
      logger.error({ cause, node, reason, next }, "the inventory is not taken");
    if (problems.length + refused.length > 0) {
      const reasons = [...problems.map(formatProblem), ...refused.map(({ reason }) => reason)];
      return record("inventory-refused", {
        ...{ cause, count: reasons.length },
        reasons: reasons.slice(0, most),
      });
    }
    const { added, removed, changed, settings } = diff;
    logger.info({ cause, ...diff }, "the inventory is in force");
    tellWarnings(warnings, logger);
    if (waiting.length > 0)
      logger.warn({ settings: waiting }, "these take effect when the server is started again");
    return record("inventory-reloaded", {
      ...{ cause, added: added.slice(0, most), removed: removed.slice(0, most) },
      ...{ changed: changed.slice(0, most), settings: settings.slice(0, most) },
      needsRestart: waiting.slice(0, most),
    });
  };
}

export function tellWarnings(warnings: InventoryVerdict["warnings"], logger: Logger): void {
  for (const warning of warnings.slice(0, most))
    logger.warn({ warning: formatProblem(warning) }, "the inventory is in force with a warning");
}
