// Orders on a rack whose cluster lives, and the client that writes to it meanwhile.

import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { OperationView } from "../../../src/api/operation-shapes.ts";
import { keepRecord, type Story, type WriterReport } from "../story.ts";

export const founders = ["node01", "node02", "node03"];
// Under emulation members elect a leader within two election timeouts of 8 s, and answer within as much.
export const longestGapMs = 45_000;

/** Provisions the machines, and sees them form a cluster. */
export async function formCluster(story: Story, names = founders): Promise<void> {
  const ids = (await story.begin(["provision", ...names])).map(({ id }) => id);
  const ended = await story.ended(ids, 900);
  expect(ended.map(({ failure }) => failure)).toEqual(names.map(() => undefined));
  expect(await story.healthyVoters()).toEqual([names.length, names.length]);
}

/** Begins an order and waits for its end; what it was is kept under `record`. */
export async function carryOut(
  story: Story,
  record: string,
  args: readonly string[],
  seconds: number,
  meanwhile: (operation: OperationView) => Promise<void> = async () => undefined,
): Promise<OperationView> {
  const [begun] = await story.begin(args);
  if (begun === undefined) throw new Error(`${args.join(" ")} began nothing`);
  await meanwhile(begun);
  const [ended] = await story.ended([begun.id], seconds);
  if (ended === undefined) throw new Error(`${args.join(" ")} is gone`);
  keepRecord(record, ended);
  return ended;
}

/** Does `work` while a client writes through `members`, and says what that client saw; it is kept as `record`-writer. */
export async function underWriter(
  story: Story,
  record: string,
  members: readonly string[],
  work: () => Promise<void>,
): Promise<WriterReport> {
  const writer = story.write(members);
  try {
    await work();
  } catch (error) {
    await writer.stop();
    throw error;
  }
  // It goes on a little after the change.
  await sleep(2000);
  const report = await writer.stop();
  keepRecord(`${record}-writer`, report);
  expect(report.lost).toEqual([]);
  expect(report.unacknowledged).toBe(0);
  expect(report.acknowledged).toBeGreaterThan(20);
  return report;
}

/** Kills the server once the operation is in the step of that id. */
export function killIn(story: Story, step: string) {
  return async ({ id }: OperationView): Promise<void> => {
    await story.until(`${id} is in ${step}`, 600, async () => {
      const mine = (await story.operations()).find((operation) => operation.id === id);
      if (mine?.status !== "running") throw new Error(`${id} is ${mine?.status} before ${step}`);
      const at = mine.steps.find(({ status }) => status !== "done");
      return at?.id === step ? true : undefined;
    });
    await story.killServer();
  };
}
