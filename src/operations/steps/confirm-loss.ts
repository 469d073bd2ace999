// Whether the old cluster is gone for certain: nobody answers for it, and those that can't be asked are seen to be off. A voter that
// only this server can't reach may be one of a majority that works on; a cluster formed beside that would be a second one.

import { BmcError, type PowerState } from "../../bmc/bmc.ts";
import type { Judgement } from "../../cluster/judge.ts";
import type { Node } from "../../inventory/schema.ts";
import type { OperationTools, OrderRefusal } from "../verb.ts";

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
          next: "a living cluster is mended, not restored over: rackstrap cluster status; one lost member: rackstrap replace NODE",
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
