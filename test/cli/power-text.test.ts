import { describe, expect, it, test } from "vitest";
import type { PowerJobView, PowerStateView, PowerTaskView } from "../../src/api/power-shapes.ts";
import {
  planTable,
  powerChanges,
  powerSummary,
  powerTable,
  powerText,
} from "../../src/cli/power-text.ts";

const nowMs = 100_000;

const task = (
  node: string,
  status: PowerTaskView["status"],
  changes: Partial<PowerTaskView> = {},
): PowerTaskView => ({
  ...{ node, group: `pdu-${node.slice(-1)}`, status, startAtMs: 90_000 },
  power: { state: "off", last: "off", readAtMs: nowMs - 2_000, differs: false },
  ...changes,
});

const unreachable =
  "BMC 10.0.10.53:623, user admin: no answer: check its address, its cable and that this protocol is enabled on it";

const job: PowerJobView = {
  ...{ id: "1a2b3c4d", action: "on", createdAtMs: 90_000 },
  tasks: [
    task("node01", "done", {
      ...{ askedAtMs: 90_000, endedAtMs: 94_000 },
      power: { state: "on", last: "on", readAtMs: 94_000, differs: false },
    }),
    task("node02", "asked", { askedAtMs: 91_000 }),
    task("node03", "waiting", { startAtMs: 112_000 }),
    task("node04", "failed", {
      ...{ askedAtMs: 90_000, endedAtMs: 99_000 },
      power: { state: "unknown", differs: false },
      failure: { kind: "unreachable", reason: unreachable },
    }),
    task("node05", "refused", {
      endedAtMs: 90_000,
      failure: { kind: "refused", reason: "the operation 77 is at work on it" },
    }),
  ],
};

describe("power and its age", () => {
  const power = (changes: Partial<PowerStateView>): PowerStateView => ({
    ...{ state: "on", last: "on", readAtMs: nowMs - 12_000, differs: false },
    ...changes,
  });
  it.each<[string, PowerStateView]>([
    ["on 12s", power({})],
    ["on 12s", power({ asked: "on" })],
    ["on 12s, asked off", power({ asked: "off", differs: true })],
    ["unknown, on 12s", power({ state: "unknown" })],
    [
      "unknown (timeout), on 12s, asked off",
      power({
        ...{ state: "unknown", asked: "off", differs: true },
        failure: { kind: "timeout", reason: "no answer" },
      }),
    ],
    ["unknown", { state: "unknown", differs: false }],
  ])("%s", (expected, view) => {
    expect(powerText(view, nowMs)).toBe(expected);
  });
});

test("the live table", () => {
  const table = powerTable(job, nowMs);
  expect(table.every((line) => line.length <= 100)).toBe(true);
  expect(table).toEqual([
    "power on 1a2b3c4d: 5 machines, 1 asked, 1 failed, 1 refused, 1 waiting, 1 done",
    "NODE    GROUP  STATUS   POWER    TIME    WHY",
    "node01  pdu-1  done     on 6s    4s",
    "node02  pdu-2  asked    off 2s   9s",
    "node03  pdu-3  waiting  off 2s   in 12s",
    "node04  pdu-4  failed   unknown  9s      unreachable: BMC 10.0.10.53:623, user admin: no answer: ch…",
    "node05  pdu-5  refused  off 2s   -       refused: the operation 77 is at work on it",
  ]);
});

test("a live table on a small terminal shows what is at work and what went wrong", () => {
  expect(powerTable(job, nowMs, 60, 6)).toEqual([
    "power on 1a2b3c4d: 5 machines, 1 asked, 1 failed, 1 refused, 1 waiting, 1 done",
    "NODE    GROUP  STATUS   POWER    TIME  WHY",
    "node02  pdu-2  asked    off 2s   9s",
    "node04  pdu-4  failed   unknown  9s    unreachable: BMC 10.…",
    "node05  pdu-5  refused  off 2s   -     refused: the operati…",
    "… and 2 more",
  ]);
});

test("a line for each change", () => {
  const before = {
    ...job,
    tasks: job.tasks.map((one) => ({ ...one, status: "waiting" as const })),
  };
  expect(powerChanges(undefined, before)).toEqual([]);
  expect(powerChanges(before, job)).toEqual([
    "node01 done",
    "node02 asked",
    "node04 failed (unreachable)",
    "node05 refused",
  ]);
  expect(powerChanges(job, job)).toEqual([]);
});

test("the table at the end, with the whole of each reason", () => {
  expect(powerSummary(job, nowMs)).toEqual([
    "NODE    GROUP  RESULT   POWER    TOOK    WHY",
    "node01  pdu-1  done     on 6s    4s",
    "node02  pdu-2  asked    off 2s   9s",
    "node03  pdu-3  waiting  off 2s   in 12s",
    "node04  pdu-4  failed   unknown  9s      unreachable",
    "node05  pdu-5  refused  off 2s   -       refused",
    `node04 failed: ${unreachable}`,
    "node05 refused: the operation 77 is at work on it",
  ]);
});

test("the plan", () => {
  const plan = {
    ...{ action: "on" as const, createdAtMs: 90_000 },
    tasks: [
      task("node01", "waiting"),
      task("node02", "waiting", { startAtMs: 90_250 }),
      ...job.tasks.slice(4),
    ],
  };
  expect(planTable(plan).map((line) => line.replace(/off \d+s/, "off"))).toEqual([
    "NODE    GROUP  START    POWER",
    "node01  pdu-1  +0.00s   off",
    "node02  pdu-2  +0.25s   off",
    "node05  pdu-5  refused  off",
    "node05 refused: the operation 77 is at work on it",
  ]);
});
