// The plan of a change of members that ends with one that joined: what comes first, its install, and the members as they should be then.

import type { Node } from "../inventory/schema.ts";
import type { Operation } from "./operation.ts";
import { installPlan } from "./provision.ts";
import type { Plan, Step } from "./result.ts";
import { soakMembers } from "./steps/soak-members.ts";
import { verifyCluster } from "./steps/verify-cluster.ts";
import { balance } from "./steps/workload.ts";
import { type OperationTools, subject, type Work, workOf } from "./verb.ts";

/** `first`: what is done before the machine is checked for its install, with the inventory in force. */
export function joiningPlan(
  tools: OperationTools,
  operation: Operation,
  first: (work: Work, node: Node) => readonly Step[],
): Plan {
  const work = workOf(tools, operation);
  const node = subject(tools, operation);
  const { context, steps, stop } = installPlan(tools, operation, node);
  return {
    steps: [
      ...first(work, node),
      ...steps,
      verifyCluster(context),
      // The machine that was here before may have been drained.
      ...balance(work, node, "active"),
      soakMembers(work, { joined: node.name }),
    ],
    stop,
  };
}
