// Waits until an installer answers over SSH, and makes sure that it is one, on the right machine, with a disk that may be
// written. What was found is kept, and the permission bound to that disk, before anything is written.

import type { Mac } from "../../net/mac.ts";
import { identityOf } from "../../nodes/disk-identity.ts";
import type { KnownMachine, TimelineEvent } from "../../nodes/ports.ts";
import { bootLoop } from "../boot-loop.ts";
import { bootEvents, lastBootStage } from "../boot-stage.ts";
import { changedDisks, describeTargets, refuseDisks } from "../disk-guard.ts";
import type { InstallerSighting, StepContext } from "../provision.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";

export function findInstaller(context: StepContext): Step {
  const { node, install, inventory, nodes } = context;
  const next = `see how far the boot came: rackstrap explain ${node.name}; then look at its console`;
  return {
    id: "installer",
    title: "wait for the installer",
    deadlineMs: inventory.timeouts.installerSeconds * 1000,
    next,
    run: async ({ nowMs, operation }, signal) => {
      const sighting = await install.find(signal);
      const events = bootEvents(nodes, operation);
      const waiting = (why: string) => wait(2000, `${why}; ${lastSign(events, nowMs)}`);
      switch (sighting.kind) {
        case "found":
          return approve(context, { operation, nowMs }, sighting);
        case "other-disks":
          return failed(sighting.reason, sighting.next, { problem: diskProblem });
        case "refused":
          return failed(sighting.reason, sighting.next);
        case "other-host-key":
          // Before the machine has its keys, it is a system from before that still answers.
          return events.some(({ kind }) => kind === "keys-served")
            ? failed(sighting.reason, sighting.next)
            : waiting(sighting.reason);
        case "absent": {
          const loop = bootLoop(events, nowMs);
          return loop === undefined
            ? waiting(sighting.why)
            : failed(
                `node ${node.name} is switched off: ${loop}; ${lastSign(events, nowMs)}`,
                next,
              );
        }
      }
    },
  };
}

/** Why the step failed, in its evidence: the machine's disks are not those of the inventory. */
export const diskProblem = "disk";

/** Binds the permission to the disks that were found, if they may be written. */
function approve(
  { node, nodes }: StepContext,
  { operation, nowMs }: Pick<Attempt, "operation" | "nowMs">,
  { facts, disks }: Extract<InstallerSighting, { kind: "found" }>,
): StepResult {
  const other = otherSerial(nodes.machine(node.name), node.mac, facts.serial);
  if (other !== undefined)
    nodes.append({
      ...{ node: node.name, mac: node.mac, kind: "machine-changed" },
      detail: { operation: operation.id, was: other, is: facts.serial },
    });
  nodes.learn(node.name, { atMs: nowMs, mac: node.mac, facts });
  const last = nodes.lastInstall(node.name);
  const question = { node, disks, last, confirmed: operation.confirmed };
  const refusal = refuseDisks(question);
  if (refusal !== undefined) return failed(refusal.reason, refusal.next);
  const identities = disks.map(identityOf);
  const intent = nodes.intent(node.name);
  // Bound before a crash, and the machine has come up with another disk since.
  const changed = intent?.resolved && changedDisks(node, intent.resolved, identities);
  if (changed !== undefined) return failed(changed.reason, changed.next);
  const bound = intent?.operation === operation.id && nodes.resolve(intent.id, identities, nowMs);
  if (!bound)
    return failed(
      `the install permission of node ${node.name} ran out or was given anew before its disk was found`,
      `start again: rackstrap provision ${node.name}`,
    );
  const remark = other === undefined ? "" : `; the machine's serial number was ${other} before`;
  return done({
    installer: facts,
    disks: identities.map((identity, index) => ({
      ...identity,
      contents: disks[index]?.contents ?? [],
    })),
    summary: `${describeTargets(question)}${remark}`,
  });
}

/** The serial number that the machine behind this MAC had when it was last looked at, where it was another. */
function otherSerial(
  known: KnownMachine | undefined,
  mac: Mac,
  serial: string | undefined,
): string | undefined {
  if (known === undefined || known.mac !== mac || serial === undefined) return undefined;
  return known.facts.serial === serial ? undefined : known.facts.serial;
}

/** How far the machine itself came, so that a missing installer is traced to its stage. */
function lastSign(events: readonly TimelineEvent[], nowMs: number): string {
  const { sign, likely } = lastBootStage(events);
  const heard =
    sign === undefined
      ? "the machine has not been heard on the network"
      : `last sign: ${sign.kind}, ${Math.round((nowMs - sign.atMs) / 1000)} s ago`;
  return `${heard} (${likely})`;
}
