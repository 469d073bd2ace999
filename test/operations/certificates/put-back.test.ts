import { expect, test } from "vitest";
import { putBack } from "../../../src/operations/certificates/put-back.ts";
import type { NodeWork } from "../../../src/operations/certificates/rotate-node.ts";
import { newOperation, newStep, type StepStatus } from "../../../src/operations/operation.ts";

const steps = ["deliver", "hand-over", "restart", "prove", "voter", "settle"];

/** What is asked of a node whose rotation stopped in `open`. */
async function askedOf(open: string): Promise<string[]> {
  const asked: string[] = [];
  const answer = (what: string) => async () => {
    asked.push(what);
    return { ok: true, stdout: "" } as const;
  };
  const about = {
    ...{ node: { name: "node02" }, phase: "certificate" },
    work: { inventory: { pki: { keyOwner: "0:0" } } },
    delivery: { settle: answer("settle"), restore: answer("restore") },
  } as unknown as NodeWork;
  const at = steps.indexOf(open);
  const statusOf = (index: number): StepStatus => (index < at ? "done" : "failed");
  const operation = newOperation({
    ...{ id: "op-1", kind: "rotate-certificates", node: "node02", createdAtMs: 0 },
    steps: steps.map((step, index) => ({
      ...newStep({ id: `${step}-certificate-node02`, title: step }),
      ...{ status: statusOf(index), attempts: index <= at ? 1 : 0 },
    })),
  });
  await putBack(operation, [about]);
  return asked;
}

test.each(["deliver", "hand-over", "restart", "prove", "voter"])(
  "a node whose rotation stops in %s gets back what it had",
  async (step) => {
    expect(await askedOf(step)).toEqual(["restore"]);
  },
);

test("a node whose new files are proven keeps them, and those from before are forgotten: no later rotation goes back to them", async () => {
  expect(await askedOf("settle")).toEqual(["settle"]);
});
