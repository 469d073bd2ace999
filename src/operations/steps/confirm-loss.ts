// Whether the old cluster is gone for certain: nobody answers for it, and those that can't be asked are seen to be off. A voter that
// only this server can't reach may be one of a majority that works on; a cluster formed beside that would be a second one.

import { BmcError, type PowerState } from "../../bmc/bmc.ts";
import type { Judgement } from "../../cluster/judge.ts";
import type { Inventory, Node } from "../../inventory/schema.ts";
import { removalOrder } from "../removal.ts";
import type { OperationTools, OrderRefusal } from "../verb.ts";
import { unitsOf } from "./services.ts";

/** Why nobody may say that there is no cluster; empty when each layer is seen to have none. Pure. */
export function livingCluster(
  cluster: string,
  views: readonly Judgement[],
): readonly OrderRefusal[] {
  return views.flatMap(({ layer, verdict, members, doubtful, reasons }) => {
    if (verdict !== "no-cluster")
      return [
        {
          reason: `${layer} of cluster ${cluster} exists: ${members.map(({ id, status }) => `${id} (${status})`).join(", ")} (${verdict})`,
          next:
            verdict === "no-quorum"
              ? endOfRemains(views)
              : "a living cluster is mended, not restored over: rackstrap cluster status; one lost member: rackstrap replace NODE",
        },
      ];
    if (doubtful.length === 0) return [];
    return [
      {
        reason: `${doubtful.join(", ")} answers on the ports of ${layer} and is not understood, so nobody can say that there is no cluster: ${reasons.join("; ")}`,
        next: "find out what answers there: rackstrap cluster status; stop it, or switch the machine off",
      },
    ];
  });
}

/** What is left of layers that lost their majority can't be mended; whether it is lost for good, only a person knows. */
function endOfRemains(views: readonly Judgement[]): string {
  const remains = views.filter(({ verdict }) => verdict === "no-quorum");
  const names = [...new Set(remains.flatMap(({ answering }) => answering))].join(", ");
  const units = removalOrder(remains.map(({ layer }) => layer)).join(" ");
  return `bring the missing members back (rackstrap cluster status); if they can't come back, stop what is left (on ${names}: systemctl stop ${units}), then try again`;
}

/** As `livingCluster`, of the layers in which a majority works: what is left of another has no say. Pure. */
export function workingCluster(
  cluster: string,
  views: readonly Judgement[],
): readonly OrderRefusal[] {
  const working = views.filter(({ verdict }) => verdict === "healthy" || verdict === "degraded");
  return livingCluster(cluster, working);
}

const askMs = 20_000;

/**
 * Of these nodes, which this server can log in to, why each may be a voter all the same: it runs a layer that does not answer here, as
 * behind a firewall that lets SSH alone through.
 */
export async function runningUnseen(
  { shell, inventory }: Pick<OperationTools, "shell"> & { readonly inventory: Inventory },
  nodes: readonly Node[],
  views: readonly Judgement[],
  signal: AbortSignal,
): Promise<readonly OrderRefusal[]> {
  const each = nodes.map(async (node) => {
    const silent = unitsOf(node, inventory).filter((unit) =>
      views.some(({ layer, answering }) => layer === unit && !answering.includes(node.name)),
    );
    if (silent.length === 0) return [];
    const units = silent.map((unit) => `${unit}.service`).join(" ");
    const command = `systemctl is-active ${units} || true`;
    const answer = await shell.run(node, command, { timeoutMs: askMs }, signal);
    if (!answer.ok) return silent.map((unit) => unseenVoter(node, unit));
    const states = answer.stdout.trim().split("\n");
    return silent
      .filter((_unit, index) => states[index] === "active")
      .map((unit) => unseenVoter(node, unit));
  });
  return (await Promise.all(each)).flat();
}

function unseenVoter({ name, productionAddress }: Node, layer: string): OrderRefusal {
  return {
    reason: `node ${name} runs ${layer}, which this server can't reach: it may be a voter of a cluster that works`,
    next: `let this server reach its port (rackstrap diagnose ${name}); where it is no use any more, stop it: ssh root@${productionAddress} systemctl stop ${layer}`,
  };
}

/** Of these nodes, why each is not known to be off. `gone`: machines that an operator says are destroyed, whose BMCs need not answer. */
export async function notSeenOff(
  tools: Pick<OperationTools, "bmc">,
  nodes: readonly Node[],
  gone: readonly string[],
  signal: AbortSignal,
): Promise<readonly OrderRefusal[]> {
  const each = nodes.map(async (node) => {
    const sight = await lookAt(tools, node, signal);
    return "power" in sight ? stillOn(node, sight.power) : unseen(node, sight.why, gone);
  });
  return (await Promise.all(each)).flat();
}

async function lookAt(
  { bmc }: Pick<OperationTools, "bmc">,
  node: Node,
  signal: AbortSignal,
): Promise<{ readonly power: PowerState } | { readonly why: string }> {
  try {
    return { power: await bmc(node).powerState(signal) };
  } catch (error) {
    if (error instanceof BmcError) return { why: error.message };
    throw error;
  }
}

/** Also where the operator says that it is gone: what is on is not. */
function stillOn({ name }: Node, power: PowerState): OrderRefusal[] {
  if (power === "off") return [];
  return [
    {
      reason: `node ${name} is powered on and nobody can be asked there: it may be a voter of a cluster that this server can't see`,
      next: `switch it off: rackstrap power off ${name} --despite-quorum`,
    },
  ];
}

function unseen({ name }: Node, why: string, gone: readonly string[]): OrderRefusal[] {
  if (gone.includes(name)) return [];
  return [
    {
      reason: `node ${name} can't be seen to be off: ${why}`,
      next: `see to its BMC; if the machine is destroyed or has no power for good, say so: --gone ${name}`,
    },
  ];
}
