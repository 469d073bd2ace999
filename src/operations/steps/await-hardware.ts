// Waits until the machine that the inventory names is there: its BMC answers.

import { BmcError } from "../../bmc/bmc.ts";
import type { Node } from "../../inventory/schema.ts";
import { type Operation, openStep } from "../operation.ts";
import { done, type Step, wait } from "../result.ts";
import type { Work } from "../verb.ts";

const id = "hardware";

/** Whether the operation waits for a machine, so that its entry may be made another's: nothing relies on the former one any more. */
export function awaitsHardware(operation: Pick<Operation, "steps">): boolean {
  return openStep(operation)?.id === id;
}

export function awaitHardware({ bmc, inventory }: Work, node: Node): Step {
  return {
    id,
    title: `wait for the machine ${node.mac} and its BMC`,
    node: node.name,
    deadlineMs: inventory.timeouts.hardwareSeconds * 1000,
    next: `build the machine in, and check the address and password of its BMC ${node.bmc.address}; then: rackstrap replace ${node.name}`,
    run: async (_attempt, signal) => {
      try {
        return done({
          bmc: node.bmc.address,
          mac: node.mac,
          power: await bmc(node).powerState(signal),
        });
      } catch (error) {
        if (!(error instanceof BmcError)) throw error;
        return wait(10_000, error.message);
      }
    },
  };
}
