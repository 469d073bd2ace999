// Waits until the machine is heard on the network. One that is not is restarted once, with its boot device set again, and then
// given up: a machine that is switched off and on for ever helps nobody.

import { BmcError, mayPass } from "../../bmc/bmc.ts";
import { bootEvents, consoleFault, lastBootStage } from "../boot-stage.ts";
import { longestTurnMs, restartIntoNetworkBoot } from "../network-boot.ts";
import type { Operation } from "../operation.ts";
import type { StepContext } from "../provision.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";
import { windowSince } from "../window.ts";

const pollMs = 2000;
// A full store, or a turn at the BMC, may hold a look up.
const waiting = { key: "sinceMs", longestGapMs: 60_000 };

const dhcpKinds = ["dhcp-offered", "dhcp-acknowledged", "dhcp-refused", "dhcp-ignored"];

export function awaitNetworkBoot(context: StepContext): Step {
  const { node, nodes, inventory } = context;
  const limitMs = inventory.timeouts.networkBootSeconds * 1000;
  const next = `look at its console, boot order, cable and VLAN: rackstrap explain ${node.name}`;
  return {
    id: "network",
    title: "wait for the machine on the network",
    deadlineMs: 2 * limitMs + 300_000 + longestTurnMs(inventory),
    next,
    run: async (attempt, signal) => {
      const { evidence, nowMs } = attempt;
      const { phase, restarted } = evidence;
      // A restart that has begun is finished: a machine that was heard before it may be off now.
      if (phase !== undefined) return await restart(context, attempt, signal);
      const events = bootEvents(nodes, sinceSwitchedOn(attempt));
      const { name, sign } = lastBootStage(events);
      if (name !== "silent") return done({ heard: sign?.kind });
      const fault = consoleFault(events);
      const why = fault === undefined ? "" : ` (${fault})`;
      const { sinceMs, looked } = windowSince(evidence, nowMs, waiting);
      if (nowMs - sinceMs < limitMs)
        return wait(pollMs, `the machine has not been heard on the network${why}`, looked);
      if (restarted === true)
        return failed(
          `node ${node.name} (${node.mac}) was switched on twice and asked for no address within ${limitMs / 1000} s: it does not boot from the network${keptBoot(attempt)}${why}; ${lastHeard(context, nowMs)}`,
          next,
        );
      const begun = { ...attempt, evidence: { ...evidence, phase: "begun" } };
      return await restart(context, begun, signal);
    },
  };
}

/** The last packet from its card that came to this server at all: a card that never spoke here is wired elsewhere (reliability F9). */
function lastHeard({ node, nodes }: StepContext, nowMs: number): string {
  const heard = nodes.events({ mac: node.mac, kinds: dhcpKinds, limit: 1 }).at(-1);
  if (heard === undefined) return "no packet of it is on the timeline";
  const { kind, atMs, detail } = heard;
  const device = detail["interface"];
  const where = device === undefined ? "" : ` on ${device}`;
  const file = detail["bootFile"] === undefined ? "" : `, which was given ${detail["bootFile"]}`;
  return `its last packet came ${Math.round((nowMs - atMs) / 60_000)} min ago${where} (${kind}${file})`;
}

/** What the BMC made of the boot device that was set, where that was another. */
function keptBoot({ operation, evidence }: Attempt): string {
  const power = operation.steps.find(({ id }) => id === "power");
  const kept = evidence["keptBoot"] ?? power?.evidence["keptBoot"];
  return kept === undefined ? "" : `; its BMC kept "${kept}", which is not what was set`;
}

/** What was heard before the machine was switched on, the last time, came from the system it had. */
function sinceSwitchedOn({ operation, evidence }: Attempt): Operation {
  const power = operation.steps.find(({ id }) => id === "power");
  const offSeenMs = evidence["offSeenMs"] ?? power?.evidence["offSeenMs"];
  const createdAtMs = offSeenMs === undefined ? power?.startedAtMs : Number(offSeenMs);
  return { ...operation, createdAtMs: createdAtMs ?? operation.createdAtMs };
}

async function restart(
  context: StepContext,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { node } = context;
  const { phase } = attempt.evidence;
  try {
    const moved = await restartIntoNetworkBoot(context, attempt, signal);
    if (moved.kind !== "done") return moved;
    const again = { phase: undefined, restarted: true, sinceMs: undefined };
    return wait(pollMs, "restarted once more into a network boot", again);
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    if (mayPass(error)) return wait(5000, error.message, { phase });
    return failed(error.message, `check the BMC ${node.bmc.address} of node ${node.name}`);
  }
}
