// Before a member that lives is taken out to be installed anew: is all there that its install needs? Asks, and changes nothing.

import { BmcError } from "../../bmc/bmc.ts";
import type { Node } from "../../inventory/schema.ts";
import { done, failed, type Step } from "../result.ts";
import type { OperationTools, OrderRefusal } from "../verb.ts";

/** Why the node could not be installed now: files that are missing, a BMC that does not let this server in. */
export async function notReady(
  { missingAssets, bmc }: Pick<OperationTools, "missingAssets" | "bmc">,
  node: Node,
  signal: AbortSignal,
): Promise<OrderRefusal[]> {
  const missing = (await missingAssets(node)).map((reason) => ({
    reason,
    next: "add the files and run: rackstrap check",
  }));
  try {
    await bmc(node).powerState(signal);
    return missing;
  } catch (error) {
    if (!(error instanceof BmcError)) throw error;
    const next = `check the BMC ${node.bmc.address}: rackstrap power status ${node.name}`;
    return [...missing, { reason: error.message, next }];
  }
}

export function checkReady(tools: Pick<OperationTools, "missingAssets" | "bmc">, node: Node): Step {
  return {
    id: "ready",
    title: "all is there that its install needs",
    node: node.name,
    deadlineMs: 120_000,
    next: `look at its BMC and its image: rackstrap diagnose ${node.name}`,
    run: async (_attempt, signal) => {
      const [why] = await notReady(tools, node, signal);
      return why === undefined ? done() : failed(why.reason, why.next);
    },
  };
}
