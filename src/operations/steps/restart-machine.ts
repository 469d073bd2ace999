// Restarts an installed node and waits until it is up again: another boot id than before. Its services start with it.

import type { Node } from "../../inventory/schema.ts";
import { readBootId } from "../node-system.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

/** A shutdown may hang on a service; it is asked for again after so long. */
const askAgainMs = 60_000;

export function restartMachine({ shell, inventory }: Work, node: Node): Step {
  const options = { timeoutMs: 20_000 };
  return {
    id: `restart-${node.name}`,
    title: "restart the machine",
    node: node.name,
    deadlineMs: inventory.timeouts.diskBootSeconds * 1000,
    next: `look at its console: rackstrap console ${node.name}`,
    run: async ({ evidence, nowMs }, signal) => {
      const read = await readBootId(shell, node, signal);
      if (!read.ok) return shellFailure(node, read);
      const { bootId } = read;
      const { before, askedAtMs } = evidence as { before?: string; askedAtMs?: number };
      // Written down before the first effect: without it nobody could tell whether it has restarted.
      if (before === undefined) return wait(0, "about to restart", { before: bootId });
      if (bootId !== before) return done({ bootId });
      if (askedAtMs !== undefined && nowMs - askedAtMs < askAgainMs)
        return wait(3000, "on its way down");
      const asked = await shell.run(node, "systemctl --no-block reboot", options, signal);
      return wait(3000, asked.ok ? "on its way down" : asked.why, { askedAtMs: nowMs });
    },
  };
}
