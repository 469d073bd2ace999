// Runs nixos-anywhere, once. The permission is used up, and the wipe recorded, before the first byte is written.

import { formatDisk } from "../../inventory/disk.ts";
import type { StepContext } from "../provision.ts";
import { done, failed, type Step, wait } from "../result.ts";

export function installSystem(context: StepContext): Step {
  const { node, nodes, install } = context;
  return {
    id: "install",
    title: "install the system",
    // The run's own limits on silence end it long before; this is for a run that talks for ever.
    deadlineMs: 60 * 60_000,
    next: `read the run's log and look at the console of node ${node.name}`,
    run: async ({ operation, nowMs }) => {
      const view = await install.view(nowMs);
      switch (view.kind) {
        case "succeeded":
          return done({}, "install-finished");
        case "failed":
          return failed(view.reason, view.next);
        case "running":
          return wait(1000, view.line);
        case "absent":
          break;
      }
      const intent = nodes.intent(node.name);
      if (intent === undefined || intent.operation !== operation.id)
        return failed(
          `the install of node ${node.name} was armed anew by another operation`,
          `see: rackstrap explain ${node.name}`,
        );
      if (intent.disk !== formatDisk(node.disk) || intent.mac !== node.mac)
        return failed(
          `node ${node.name} was armed for ${intent.disk} of ${intent.mac}, and the inventory now says ${formatDisk(node.disk)} of ${node.mac}`,
          `check the inventory, then start again: rackstrap provision ${node.name}`,
        );
      const detail = { operation: operation.id, disk: formatDisk(node.disk), mac: node.mac };
      // After a crash between this record and the start, the record stands and the run is started now, still once.
      const recorded = intent.consumedAtMs !== undefined || nodes.consume(intent.id, nowMs, detail);
      if (!recorded)
        return failed(
          `the install permission of node ${node.name} ran out before the installer was ready`,
          `start again: rackstrap provision ${node.name}`,
        );
      await install.start();
      return wait(500, "nixos-anywhere started");
    },
  };
}
