// What installs wait for when several orders meet: nobody waits for somebody who waits for them.

import { expect, test } from "vitest";
import {
  newOperation,
  newStep,
  type Operation,
  type OperationKind,
} from "../../src/operations/operation.ts";
import type { StepContext } from "../../src/operations/provision.ts";
import { awaitBatch } from "../../src/operations/steps/await-batch.ts";
import { awaitSlot } from "../../src/operations/steps/await-slot.ts";
import { awaitTurn } from "../../src/operations/steps/await-turn.ts";
import type { Work } from "../../src/operations/verb.ts";
import { exampleInventory } from "../fakes/rack.ts";

const { signal } = new AbortController();
const site = exampleInventory();
const inventory = { ...site, limits: { ...site.limits, installsAtOnce: 1 } };

interface Ordered {
  readonly kind: OperationKind;
  readonly node: string;
  readonly batch: readonly string[];
  /** What it has done so far. */
  readonly done?: readonly string[];
}

/** Operations that run, in the order in which they were ordered. */
function running(ordered: readonly Ordered[]) {
  const all = ordered.map(({ kind, node, batch, done = [] }, index) => ({
    ...newOperation({ id: `op-${index}`, kind, node, batch, createdAtMs: index }),
    steps: [kind === "add" ? "turn" : "slot", "install", "disk-boot", "join"].map((id) => ({
      ...newStep({ id, title: id }),
      status: done.includes(id) ? ("done" as const) : ("pending" as const),
    })),
  }));
  const operations = { operations: () => all.toReversed() };
  const tools = { operations, inventory } as unknown as StepContext & Work;
  const node = inventory.nodes[0];
  if (node === undefined) throw new Error("the example site declares no node");
  const run = async (index: number, step: (work: StepContext & Work) => { run: unknown }) => {
    const operation = all[index] as Operation;
    const { run: attempt } = step({ ...tools, operation }) as ReturnType<typeof awaitBatch>;
    return await attempt({ operation, evidence: {}, nowMs: 0 }, signal);
  };
  return {
    slot: async (index: number) => await run(index, awaitSlot),
    turn: async (index: number) => await run(index, (work) => awaitTurn(work, node)),
    batch: async (index: number) => await run(index, awaitBatch),
  };
}

test("an addition that waits for an install takes no place away from it", async () => {
  const batch = ["node02", "node03"];
  const { slot, turn } = running([
    { kind: "provision", node: "node03", batch },
    { kind: "add", node: "node01", batch: ["node01"] },
  ]);
  expect(await turn(1)).toMatchObject({ kind: "wait", why: "waiting for node03" });
  expect(await slot(0)).toMatchObject({ kind: "done" });
});

test("an addition whose turn has come has its place before those that wait for one", async () => {
  const { slot } = running([
    { kind: "provision", node: "node03", batch: ["node03"] },
    { kind: "add", node: "node01", batch: ["node01"], done: ["turn"] },
  ]);
  expect(await slot(0)).toMatchObject({ kind: "wait", why: expect.stringMatching(/node01$/) });
});

test("a batch does not wait for a mate that failed and is added by another order, which waits for the batch", async () => {
  const batch = ["node01", "node03"];
  const { batch: mates, turn } = running([
    { kind: "provision", node: "node01", batch, done: ["slot", "install", "disk-boot", "join"] },
    { kind: "add", node: "node03", batch: ["node03"] },
  ]);
  expect(await turn(1)).toMatchObject({ kind: "wait", why: "waiting for node01" });
  expect(await mates(0)).toMatchObject({ kind: "done" });
});
