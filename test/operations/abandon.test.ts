// An operation whose plan is made anew from another inventory, or by another version, and lacks the step that it had come to.

import { expect, test } from "vitest";
import { newOperation, newStep } from "../../src/operations/operation.ts";
import { createRunner } from "../../src/operations/runner.ts";
import { fakeRack } from "../fakes/rack.ts";

/** How it ends, and what was done to stop it. */
async function abandoned(plan: () => { readonly stop: () => Promise<void> }) {
  const { tools, database, clock } = fakeRack();
  const stopped: string[] = [];
  const runner = createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes, clock, elapsed: clock.now },
    plan: () => ({ steps: [], ...plan() }),
    basis: tools.inventory,
    atomically: (work) => database.transaction(work)(),
    isDiskFull: () => false,
    accompany: async () => undefined,
    stopAbandoned: async () => void stopped.push("its install"),
    onFault: (_operation, error) => {
      throw error;
    },
  });
  const steps = [newStep({ id: "reboot-migrate-node01", title: "", node: "node01" })];
  const given = { id: "op-1", kind: "update", node: "node01", createdAtMs: 1 } as const;
  runner.submit([newOperation({ ...given, steps })]);
  while (tools.operations.operations({ running: true }).length > 0)
    await new Promise((resolve) => setImmediate(resolve));
  return { operation: tools.operations.operation("op-1"), stopped };
}

test("it is stopped as its verb stops it, and says what is missing", async () => {
  const undone: string[] = [];
  const stop = async () => void undone.push("gone back");
  const { operation, stopped } = await abandoned(() => ({ stop }));
  expect([undone, stopped]).toEqual([["gone back"], []]);
  expect(operation?.failure?.reason).toMatch(/^the operation has no step reboot-migrate-node01 /);
});

test("without any plan at least what runs on this server is ended", async () => {
  const { operation, stopped } = await abandoned(() => {
    throw new Error("node01 is in no inventory");
  });
  expect(stopped).toEqual(["its install"]);
  expect(operation?.failure?.reason).toBe("node01 is in no inventory");
});
