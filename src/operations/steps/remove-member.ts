// Takes a member out of a layer for good, inside the quorum budget, and sees it gone from the lists of a majority.

import type { Layer } from "../../cluster/driver.ts";
import type { Node } from "../../inventory/schema.ts";
import { nextState } from "../../nodes/state.ts";
import type { Operation } from "../operation.ts";
import { judgeRemoval, lifeSigns, memberTable, removalOrder } from "../removal.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";

const prefix = "remove-";

export interface RemovalOptions {
  /** Only a member that answers nowhere: one that came back is not removed, and `comeBack` says what to do then. */
  readonly onlyDead: false | { readonly comeBack: string };
}

/** One step for each layer; with the last the node is registered, and may be installed anew. */
export function removeMember(work: Work, node: Node, options: RemovalOptions): readonly Step[] {
  const order = removalOrder(work.inventory.cluster.layers);
  return order.map((layer, index) => removeFrom(work, node, layer, options, index));
}

function removeFrom(
  work: Work,
  node: Node,
  layer: Layer,
  options: RemovalOptions,
  index: number,
): Step {
  const { timeouts, cluster } = work.inventory;
  const isLast = index === cluster.layers.length - 1;
  return {
    id: `${prefix}${layer}`,
    title: `remove the member from ${layer}`,
    node: node.name,
    // The removal itself is tried for a minute.
    deadlineMs: (timeouts.budgetSeconds + 60) * 1000,
    next: "no further member is removed and no machine is touched: look at the members (rackstrap cluster status), and bring back those that are missing",
    run: async (attempt, signal) => {
      const result = await remove(work, node, layer, options, attempt, signal);
      if (result.kind !== "done" || !isLast) return result;
      const { state } = work.nodes.node(node.name);
      return nextState(state, "member-removed") === undefined
        ? result
        : { ...result, event: "member-removed" };
    },
  };
}

/** The layers that an operation has taken its node out of. */
function removedFrom({ steps }: Operation): readonly string[] {
  return steps
    .filter(({ id, status }) => id.startsWith(prefix) && status === "done")
    .map(({ id }) => id.slice(prefix.length));
}

async function remove(
  work: Work,
  { name }: Node,
  layer: Layer,
  { onlyDead }: RemovalOptions,
  { operation, evidence }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const views = await work.cluster.fresh();
  const view = views.filter((one) => one.layer === layer);
  const table = view.flatMap(memberTable);
  const { before = table } = evidence;
  const alive = onlyDead === false ? [] : lifeSigns(views, name);
  if (onlyDead !== false && alive.length > 0) {
    const left = removedFrom(operation);
    return failed(
      `node ${name} has come back: ${alive.join(", ")}; it was ${left.length > 0 ? `removed from ${left.join(" and ")} before, and not from ${layer}` : "not removed"}`,
      // Half a member is no member: it can't just be left in.
      left.length > 0 ? `have it join again: rackstrap reprovision ${name}` : onlyDead.comeBack,
    );
  }
  const { quorum, refusals } = judgeRemoval(view, name, work.operation.forced.includes(name));
  if (refusals.length > 0)
    return wait(3000, refusals.map(({ reason }) => reason).join("; "), { before, members: table });
  const answer = await work.cluster.removeMember(layer, name, signal);
  if (!answer.ok) {
    if (answer.passing === true || answer.silent) return wait(3000, answer.failed, { before });
    return failed(answer.failed, "look at the cluster: rackstrap cluster status");
  }
  return done({
    asked: `remove ${name} from ${layer}`,
    answered: answer.value.absent ? `no member is called ${name}` : "removed",
    ...{ quorum, before },
    after: (await work.cluster.fresh()).filter((one) => one.layer === layer).flatMap(memberTable),
  });
}
