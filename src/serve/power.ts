// Everything that switches machines or looks at their power, put together: the jobs of operators, the watch, and what operations share
// with them.

import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Bmc, PowerState } from "../bmc/bmc.ts";
import { systemClock } from "../bmc/clock.ts";
import { observed } from "../bmc/observed.ts";
import { createSlots } from "../bmc/slots.ts";
import { createStagger } from "../bmc/stagger.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import { createPowerJobs, type PowerJobs } from "../operations/power-jobs.ts";
import { createPowerWatch, type PowerWatch } from "../operations/power-watch.ts";
import type { Store } from "../store/store.ts";
import type { Controllers } from "./controllers.ts";
import { operating, recordSafely } from "./watching.ts";

export interface Power {
  readonly jobs: PowerJobs;
  readonly watch: PowerWatch;
  /** The driver of a node; what is learnt through it is noted. */
  bmc(node: Node): Bmc;
  /** Resolves when the node may start, which must then happen at once. */
  startTurn(node: Node, signal: AbortSignal): Promise<void>;
  /** Notes what the node's power shall be from now on. */
  asked(node: Node, power: PowerState, detail: Readonly<Record<string, unknown>>): void;
  close(): Promise<void>;
}

interface PowerTools {
  readonly inventory: LiveInventory;
  readonly store: Pick<Store, "nodes" | "operations">;
  readonly controllers: Pick<Controllers, "find">;
  readonly logger: Logger;
}

/** Begins to read the BMCs, soon and not all at once. */
export function startPower({ inventory, store, controllers, logger }: PowerTools): Power {
  const settings = () => inventory().power;
  const { operations } = store;
  // A store that can't be written (a full disk) must not keep anyone from switching a machine off.
  const record = recordSafely(store.nodes, logger);
  const now = () => Date.now();
  // Short enough to be typed.
  const newId = () => randomUUID().slice(0, 8);
  const stagger = createStagger(settings, systemClock);
  const watch = createPowerWatch({
    nodes: () => inventory().nodes,
    ...{ store: store.nodes, record, now, clock: systemClock, random: Math.random },
    operating: () => operating(operations),
    pollMs: () => settings().pollSeconds * 1000,
    // Beside the power jobs, which have slots of their own and more of them: somebody waits for those.
    concurrency: () => Math.ceil(settings().concurrency / 2),
    onFault: (error) => logger.error({ err: error }, "power watch fault"),
  });
  const bmc = (node: Node) => observed(controllers.find(node), watch.observer(node.name));
  const jobs = createPowerJobs({
    ...{ settings, bmc, watch, record, stagger, now, clock: systemClock, newId },
    operation: (node) => operations.runningFor(node)?.id,
    slots: createSlots(() => settings().concurrency),
    onFault: (node, error) => logger.error({ err: error, node }, "power job fault"),
  });
  watch.start(bmc);
  return {
    ...{ jobs, watch, bmc },
    startTurn: (node, signal) => stagger.turn(node.powerGroup, signal),
    asked: (node, power, detail) => watch.asked(node.name, power, detail),
    close: async () => {
      await Promise.all([jobs.close(), watch.close()]);
    },
  };
}
