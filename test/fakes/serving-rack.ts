// The rack in memory with its three founders installed and active, a runner, and orders to it.

import { draftOrder, type OrderTools, startOrder } from "../../src/operations/orders.ts";
import type { Order } from "../../src/operations/verb.ts";
import { type FakeRack, fakeRack, newProvisions } from "./rack.ts";
import { rackRunner } from "./rack-runner.ts";

export const founders = ["node01", "node02", "node03"];

export async function livingRack() {
  const rack = fakeRack();
  const tools: OrderTools = { ...rack.tools, powerJobs: { runningFor: () => undefined } };
  const runner = rackRunner(rack);
  const nodes = rack.tools.inventory().nodes.filter(({ name }) => founders.includes(name));
  runner.submit(newProvisions(rack.tools, nodes, rack.clock.now()));
  await settled(rack);
  const orderOf = (
    verb: Order["verb"],
    names: readonly string[],
    options: Order["options"] = {},
    force: readonly string[] = [],
  ): Order => ({ verb, nodes: names, options, force });
  return {
    ...{ rack, tools, runner },
    draft: async (...said: Parameters<typeof orderOf>) => await draftOrder(tools, orderOf(...said)),
    order: async (...said: Parameters<typeof orderOf>) =>
      await startOrder(tools, runner, orderOf(...said)),
  };
}

/** The newest operation, once none runs any more. */
export async function settled({ tools }: FakeRack) {
  for (let turns = 0; turns < 100_000; turns++) {
    if (tools.operations.operations({ running: true }).length === 0)
      return tools.operations.operations({ running: false })[0];
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("an operation does not end");
}
