import { expect, test } from "vitest";
import { putBack } from "../../../src/operations/certificates/put-back.ts";
import type { NodeWork, Phase } from "../../../src/operations/certificates/rotate-node.ts";
import { newOperation, newStep, type StepStatus } from "../../../src/operations/operation.ts";

const steps = ["deliver", "hand-over", "restart", "prove", "voter", "settle"];

interface Given {
  readonly phase?: Phase;
  /** It has the key that it was given still, for there was none before. */
  readonly keepsKey?: boolean;
}

/** What is asked of a node whose rotation stopped in `open`, and whether what was issued for it counts no more. */
async function stoppedIn(open: string, { phase = "certificate", keepsKey = false }: Given = {}) {
  const asked: string[] = [];
  const withdrawn: string[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    return { ok: true, stdout: "" } as const;
  };
  const about = {
    ...{ node: { name: "node02" }, phase },
    work: {
      inventory: { pki: { keyOwner: "0:0" } },
      certificates: {
        certificates: () => [{ node: "node02", operation: "op-1", keySha256: "k" }],
        withdrawn: (operation: string, node: string) => withdrawn.push(`${operation} ${node}`),
      },
    },
    delivery: {
      ...{ settle: answer("settle"), restore: answer("restore") },
      has: async () => ({ ok: true, value: keepsKey }),
    },
  } as unknown as NodeWork;
  const at = steps.indexOf(open);
  const statusOf = (index: number): StepStatus => (index < at ? "done" : "failed");
  const operation = newOperation({
    ...{ id: "op-1", kind: "rotate-certificates", node: "node02", createdAtMs: 0 },
    steps: steps.map((step, index) => ({
      ...newStep({ id: `${step}-${phase}-node02`, title: step }),
      ...{ status: statusOf(index), attempts: index <= at ? 1 : 0 },
    })),
  });
  await putBack(operation, [about]);
  return { asked, withdrawn };
}

test.each(["deliver", "hand-over", "restart", "prove", "voter"])(
  "a node whose rotation stops in %s gets back what it had, and what was issued for it is its last certificate no more",
  async (step) => {
    expect(await stoppedIn(step)).toEqual({ asked: ["restore"], withdrawn: ["op-1 node02"] });
  },
);

test("a node whose new files are proven keeps them, and those from before are forgotten: no later rotation goes back to them", async () => {
  expect(await stoppedIn("settle")).toEqual({ asked: ["settle"], withdrawn: [] });
});

test("a node that had no key before has the new one still, and its certificate stays the last one issued", async () => {
  const { withdrawn } = await stoppedIn("voter", { keepsKey: true });
  expect(withdrawn).toEqual([]);
});

test("a node that gets back what it trusted keeps its certificate", async () => {
  const { asked, withdrawn } = await stoppedIn("voter", { phase: "trust-new" });
  expect([asked, withdrawn]).toEqual([["restore"], []]);
});
