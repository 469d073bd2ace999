// A node of a lost cluster is a member of nothing: from then on it may be installed again.

import type { Node } from "../../inventory/schema.ts";
import { nextState } from "../../nodes/state.ts";
import { done, type Step } from "../result.ts";
import type { Work } from "../verb.ts";

export function forgetMember({ nodes }: Work, node: Node): Step {
  return {
    id: `forget-${node.name}`,
    title: "count as no member any more",
    node: node.name,
    deadlineMs: 10_000,
    next: `look at the node: rackstrap explain ${node.name}`,
    run: async () => {
      const { state } = nodes.node(node.name);
      // One that failed or was never installed may be installed as it is.
      return nextState(state, "member-removed") === undefined ? done() : done({}, "member-removed");
    },
  };
}
