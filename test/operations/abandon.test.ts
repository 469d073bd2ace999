// An operation whose plan is made anew from another inventory, or by another version, and lacks the step that it had come to; and what
// the record of one that ended badly says of what it had done and could not undo.

import { expect, test } from "vitest";
import { newOperation, newStep } from "../../src/operations/operation.ts";
import { done, failed, type Plan, type Step } from "../../src/operations/result.ts";
import { createRunner } from "../../src/operations/runner.ts";
import { fakeRack } from "../fakes/rack.ts";

/** A runner of that plan, and what was done to stop an operation without one. */
function running(plan: () => Plan, onFault: (error: unknown) => void) {
  const { tools, database, clock } = fakeRack();
  const stopped: string[] = [];
  const runner = createRunner({
    ...{ operations: tools.operations, nodes: tools.nodes, clock, elapsed: clock.now, plan },
    basis: tools.inventory,
    atomically: (work) => database.transaction(work)(),
    isDiskFull: () => false,
    accompany: async () => undefined,
    stopAbandoned: async () => void stopped.push("its install"),
    onFault: (_operation, error) => onFault(error),
  });
  const submit = (...ids: string[]) => {
    const steps = ids.map((id) => newStep({ id, title: "", node: "node01" }));
    const given = { id: "op-1", kind: "update", node: "node01", createdAtMs: 1 } as const;
    runner.submit([newOperation({ ...given, steps })]);
  };
  const ended = async () => {
    while (tools.operations.operations({ running: true }).length > 0)
      await new Promise((resolve) => setImmediate(resolve));
    return tools.operations.operation("op-1");
  };
  const told = () => tools.nodes.events({ node: "node01", limit: 10 });
  return { submit, ended, stopped, cancel: () => runner.cancel("op-1"), told };
}

/** How one ends that has come to a step which its plan has not, and what was done to stop it. */
async function abandoned(plan: () => Pick<Plan, "stop">) {
  const fail = (error: unknown) => {
    throw error;
  };
  const { submit, ended, stopped } = running(() => ({ steps: [], ...plan() }), fail);
  submit("reboot-migrate-node01");
  return { operation: await ended(), stopped };
}

test("it is stopped as its verb stops it, and says what is missing", async () => {
  const undone: string[] = [];
  const stop = async () => {
    undone.push("gone back");
    return undefined;
  };
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

const aStep = (id: string, run: Step["run"]): Step => ({
  ...{ id, title: "", node: "node01", deadlineMs: 1000, next: "look", run },
});

/** What becomes of one that is cancelled in its second step. */
async function cancelled(stop: Plan["stop"]) {
  const faults: unknown[] = [];
  const steps = [
    aStep("first", async () => done()),
    aStep("second", async () => {
      cancel();
      return done();
    }),
  ];
  const { submit, ended, cancel, told } = running(
    () => ({ steps, stop }),
    (error) => void faults.push(error),
  );
  submit("first", "second");
  const operation = await ended();
  expect(operation?.status).toBe("cancelled");
  return { failure: operation?.failure, faults, told };
}

test("cancelled, what was done before is said to stay done, and where to read it", async () => {
  const { failure } = await cancelled(async () => undefined);
  expect(failure).toMatchObject({
    ...{ stage: "second", reason: "cancelled on request" },
    next: "what was done before stays done: rackstrap operations show op-1",
  });
});

const gone = "node node01 could not be given back its files from before: no route to host";

test("an undo that fails each time is told in the record and on the timeline", async () => {
  const { failure, faults, told } = await cancelled(async () => {
    throw new Error(gone);
  });
  expect(failure?.reason).toBe(`cancelled on request; not all was undone: ${gone}`);
  expect(faults).toHaveLength(5);
  expect(told().at(-1)?.detail["reason"]).toBe(failure?.reason);
});

test("an operation that failed says what its undo left, beside why it failed", async () => {
  const steps = [aStep("first", async () => failed("no route to host", "look at node01"))];
  const stop = async () => gone;
  const { submit, ended } = running(
    () => ({ steps, stop }),
    () => undefined,
  );
  submit("first");
  expect((await ended())?.failure).toEqual({
    ...{ stage: "first", next: "look at node01" },
    reason: `no route to host; not all was undone: ${gone}`,
  });
});
