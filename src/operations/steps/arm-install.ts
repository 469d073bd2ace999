// Records the permission to wipe this disk of this machine, once and for a limited time.

import { formatDisks } from "../../inventory/disk.ts";
import type { StepContext } from "../provision.ts";
import { done, type Step } from "../result.ts";

export function armInstall(context: StepContext): Step {
  const { node, nodes, install, inventory } = context;
  return {
    id: "arm",
    title: "arm the install",
    deadlineMs: 10_000,
    next: `look at the node: rackstrap explain ${node.name}`,
    run: async ({ operation, nowMs }) => {
      // Before the machine may fetch it.
      await install.prepareInstaller();
      const expiresAtMs = nowMs + inventory.timeouts.intentSeconds * 1000;
      if (nodes.intent(node.name)?.operation !== operation.id)
        nodes.arm({
          id: context.newId(),
          node: node.name,
          mac: node.mac,
          disk: formatDisks(node),
          operation: operation.id,
          armedAtMs: nowMs,
          expiresAtMs,
        });
      return done({ disk: formatDisks(node), expires: new Date(expiresAtMs).toISOString() });
    },
  };
}
