// Runs nixos-anywhere, once. The flake is asked first whether it formats the disk that was approved. The permission is used
// up, and the wipe recorded, before the first byte is written; and the machine and its disk are looked at once more right
// before that.

import type { ClockCorrection } from "../../install/clock.ts";
import { formatDisks } from "../../inventory/disk.ts";
import { findNode } from "../../inventory/find.ts";
import { describeDisk, identityOf } from "../../nodes/disk-identity.ts";
import type { InstallIntent } from "../../nodes/ports.ts";
import { changedDisks } from "../disk-guard.ts";
import { flakeMs } from "../installation.ts";
import type { Operation } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";

export function installSystem(context: StepContext): Step {
  const { node, install, inventory } = context;
  // An answer of the flake serves the next attempt and no other: what could change while the flake was read is looked at
  // after it. With another inventory the runner has another step, which asks anew.
  let answered = false;
  return {
    id: "install",
    title: "install the system",
    // The run's own limits on silence end it long before; this is for a run that talks for ever,
    // and longer by what a flake may take that is slow to read.
    deadlineMs: inventory.timeouts.installSeconds * 1000 + flakeMs,
    next: `read the run's log and look at the console of node ${node.name}`,
    run: async (attempt, signal) => {
      const view = await install.view(attempt.nowMs);
      switch (view.kind) {
        case "succeeded":
          return done({}, "install-finished");
        case "failed": {
          const journal = await install.keepJournal(signal);
          return journal === undefined
            ? failed(view.reason, view.next)
            : failed(view.reason, `${view.next} (the installer's journal: ${journal})`, {
                journal,
              });
        }
        case "running":
          return wait(1000, view.line);
        case "absent": {
          if (answered) {
            answered = false;
            return await begin(context, attempt, signal);
          }
          const result = await compareWithFlake(context, signal);
          answered = result.kind === "wait";
          return result;
        }
      }
    },
  };
}

/** Waits for nothing when the flake has no objection. */
async function compareWithFlake(
  { install }: StepContext,
  signal: AbortSignal,
): Promise<StepResult> {
  const flake = await install.flakeDisks(signal);
  switch (flake.kind) {
    case "failed":
      return failed(flake.reason, flake.next);
    case "not-compared":
      return wait(0, "the installer is looked at", { flakeDisks: `not compared: ${flake.why}` });
    case "same":
      return wait(0, "the installer is looked at", { flakeDisks: flake.devices.join(" and ") });
  }
}

async function begin(
  context: StepContext,
  { operation }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { node, nodes, install } = context;
  const { bmc } = node;
  const intent = nodes.intent(node.name);
  const obstacle = obstacleTo(context, intent, operation);
  if (obstacle !== undefined || intent === undefined) return obstacle ?? ranOut(node.name);
  const sighting = await install.find(signal);
  if (sighting.kind === "absent") return wait(2000, sighting.why);
  if (sighting.kind !== "found") return failed(sighting.reason, sighting.next);
  const disks = sighting.disks.map(identityOf);
  const changed = changedDisks(node, intent.resolved ?? [], disks);
  if (changed !== undefined) return failed(changed.reason, changed.next);
  const naming = await install.nameDisks(sighting.disks, signal);
  if (naming.kind === "unanswered") return wait(2000, naming.why);
  if (naming.kind === "differs")
    return failed(
      naming.why,
      `correct the disk of node ${node.name} in the inventory, then provision again`,
    );
  const clock = await correctedClock(context, operation, signal);
  const changedSince = obstacleNow(context, intent, operation);
  if (changedSince !== undefined) return changedSince;
  const detail = {
    operation: operation.id,
    disk: intent.disk,
    mac: node.mac,
    bmc: bmc.address,
    disks,
  };
  // After a crash between this record and the start, the record stands and the run is started now, still once.
  const recorded =
    intent.consumedAtMs !== undefined ||
    nodes.consume(intent.id, disks, context.clock.now(), detail);
  if (!recorded) return ranOut(node.name);
  await install.start();
  return wait(500, `nixos-anywhere started, onto ${disks.map(describeDisk).join(" and ")}`, {
    clock,
  });
}

/** Also for the timeline, where it was far off: what the machine said until then has other times. */
async function correctedClock(
  { node: { name, mac }, nodes, install }: StepContext,
  { id }: Operation,
  signal: AbortSignal,
): Promise<ClockCorrection | undefined> {
  const clock = await install.correctClock(signal);
  if (clock !== undefined && clock.outcome !== "agrees")
    nodes.append({
      ...{ node: name, mac, kind: "clock-corrected" },
      detail: { operation: id, ...clock },
    });
  return clock;
}

/** The same once more, by the inventory in force: the installer may have taken a minute to answer, and a reload takes a moment. */
function obstacleNow(
  context: StepContext,
  intent: InstallIntent,
  operation: Operation,
): StepResult | undefined {
  const { name } = context.node;
  const node = findNode(context.inForce(), name);
  if (node !== undefined) return obstacleTo({ node }, intent, operation);
  return failed(
    `node ${name} has left the inventory meanwhile: nothing was written`,
    `put it back into the inventory, then start again: rackstrap provision ${name}`,
  );
}

/** The permission must still be this operation's, and for what the inventory says now. */
function obstacleTo(
  { node }: Pick<StepContext, "node">,
  intent: InstallIntent | undefined,
  operation: Operation,
): StepResult | undefined {
  if (intent === undefined || intent.operation !== operation.id)
    return failed(
      `the install of node ${node.name} was armed anew by another operation`,
      `see: rackstrap explain ${node.name}`,
    );
  const again = `check the inventory, then start again: rackstrap provision ${node.name}`;
  if (node.protected)
    return failed(`node ${node.name} has become protected meanwhile: nothing was written`, again);
  if (intent.disk === formatDisks(node) && intent.mac === node.mac) return undefined;
  return failed(
    `node ${node.name} was armed for ${intent.disk} of ${intent.mac}, and the inventory now says ${formatDisks(node)} of ${node.mac}`,
    again,
  );
}

function ranOut(name: string): StepResult {
  return failed(
    `the install permission of node ${name} ran out before the installer was ready`,
    `start again: rackstrap provision ${name}`,
  );
}
