import { describe, expect, it } from "vitest";
import type { OperationView, StepView } from "../../src/api/operation-shapes.ts";
import { createLiveDisplay } from "../../src/cli/live.ts";
import {
  failureLines,
  findings,
  progressChanges,
  progressTable,
  stepTable,
  summary,
} from "../../src/cli/progress.ts";
import { operationView, startMs } from "../api/fake-rackstrap.ts";

const nowMs = startMs + 126_000;

function at(index: number, changes: Partial<StepView>): OperationView {
  const operation = operationView("node01");
  const steps = operation.steps.map((step, i) => (i === index ? { ...step, ...changes } : step));
  return { ...operation, steps };
}

const done = operationView("node01", {
  status: "done",
  endedAtMs: startMs + 100_000,
  steps: operationView("node01").steps.map((step) => ({ ...step, status: "done" })),
});

const failed = operationView("node02", {
  status: "failed",
  endedAtMs: startMs + 60_000,
  failure: {
    stage: "install",
    reason: "nixos-anywhere ended with 1: no space left",
    next: "look at the disk, then provision again",
    carryOn: "retry",
  },
});

describe("what a step found", () => {
  const text = `/dev/vda (4.3 GB, serial ${"9".repeat(120)}), blank`;
  const found = at(0, { evidence: { summary: text } });

  it("is shown whole, once, when it is found", () => {
    expect(findings(found)).toEqual([`node01 arm: ${text}`]);
    const [first] = progressChanges([operationView("node01")], [found], nowMs);
    expect(first).toBeUndefined();
    const later = { ...found, steps: at(1, { lastLine: "sgdisk" }).steps };
    const both = {
      ...later,
      steps: later.steps.map((step, i) => (i === 0 ? (found.steps[0] ?? step) : step)),
    };
    expect(progressChanges([operationView("node01")], [both], nowMs)[0]).toBe(
      `node01 arm: ${text}`,
    );
    expect(progressChanges([found], [both], nowMs)).toHaveLength(1);
  });

  it("does not act on the terminal", () => {
    expect(findings(at(0, { evidence: { summary: "\u001b[2J" } }))).toEqual([
      "node01 arm: \\x1b[2J",
    ]);
    expect(findings(at(0, { evidence: { summary: 7 } }))).toEqual([]);
  });
});

describe("progressTable", () => {
  it("shows each node's step, the time in it and its last line", () => {
    expect(progressTable([operationView("node01"), done, failed], nowMs)).toEqual([
      "NODE    STATUS   STEP                      ELAPSED  LAST",
      "node01  running  2/3   Install             2m05s    disko",
      "node01  done     3/3   Verify the cluster  1m40s",
      "node02  failed   2/3   Install             1m00s    nixos-anywhere ended with 1: no space left",
    ]);
  });

  it("stays within 100 columns, or fewer when told", () => {
    const long = at(1, { lastLine: `building ${"x".repeat(300)}` });
    const width = (columns?: number) =>
      Math.max(...progressTable([long], nowMs, columns).map((line) => [...line].length));
    expect(width()).toBe(100);
    expect(width(60)).toBe(60);
  });

  it("does not pass a machine's escape sequences on", () => {
    const hostile = at(1, { lastLine: "\u001b[2J\u001b[H" });
    expect(progressTable([hostile], nowMs).join("")).not.toContain("\u001b");
  });

  it("counts a skipped step as passed", () => {
    const operation = at(1, { status: "skipped" });
    expect(progressTable([operation], nowMs)[1]).toMatch(/3\/3 {3}Verify the cluster {2}0s$/);
  });
});

describe("progressChanges", () => {
  const before = operationView("node01");
  it.each<[string, readonly OperationView[], OperationView, string[]]>([
    ["the first sight", [], before, ["node01 2m06s [2/3] Install: disko"]],
    ["nothing new", [before], { ...before }, []],
    [
      "a new last line",
      [before],
      at(1, { lastLine: "bootloader" }),
      ["node01 2m06s [2/3] Install: bootloader"],
    ],
    [
      "a step that waits",
      [before],
      at(1, { status: "waiting" }),
      ["node01 2m06s [2/3] Install: disko"],
    ],
    [
      "the next step",
      [before],
      at(1, { status: "done" }),
      ["node01 2m06s [3/3] Verify the cluster"],
    ],
    ["the end", [before], done, ["node01 1m40s done"]],
    ["a failure", [], failed, ["node02 1m00s failed: nixos-anywhere ended with 1: no space left"]],
  ])("writes a line for %s", (_, old, now, expected) => {
    expect(progressChanges(old, [now], nowMs)).toEqual(expected);
  });
});

describe("summary", () => {
  it("ends with a table, and with stage, reason and next step of what failed", () => {
    const states = new Map([["node01", "active"]]);
    expect(summary([done, failed], states, nowMs)).toEqual([
      "NODE    RESULT  STATE    STEPS  TOOK   OPERATION",
      "node01  done    active   3/3    1m40s  op-node01",
      "node02  failed  unknown  2/3    1m00s  op-node02",
      "node02 failed at install: nixos-anywhere ended with 1: no space left",
      "  next: look at the disk, then provision again",
      "  then: rackstrap operations retry op-node02 (from the beginning; shows the plan first)",
    ]);
  });

  it("names the command that carries on only once", () => {
    const command = "rackstrap operations resume op-node02";
    const failure = { ...{ stage: "take", reason: "no space" }, carryOn: "resume" as const };
    const lines = (next: string) => failureLines({ ...failed, failure: { ...failure, next } });
    expect(lines("make room")).toEqual([
      "node02 failed at take: no space",
      "  next: make room",
      `  then: ${command} (goes on with the step that it stopped in)`,
    ]);
    expect(lines(`make room, and go on: ${command}`)).toHaveLength(2);
    expect(
      failureLines({ ...failed, failure: { ...failure, next: "x", carryOn: undefined } }),
    ).toHaveLength(2);
  });

  it("has no failure lines for what ended well", () => {
    expect(failureLines(done)).toEqual([]);
  });
});

describe("stepTable", () => {
  it("stops the clock of a step with its operation", () => {
    expect(stepTable(failed, nowMs)).toEqual([
      "STEP     STATUS   TOOK  WHAT",
      "arm      done     1s    Arm the install",
      "install  running  59s   Install: disko",
      "verify   pending        Verify the cluster",
    ]);
  });
});

describe("createLiveDisplay", () => {
  it("goes up over what it drew before and erases it", () => {
    const written: string[] = [];
    const display = createLiveDisplay((text) => written.push(text));
    display.draw(["a", "b"]);
    display.draw(["c"]);
    display.draw([]);
    expect(written).toEqual(["a\nb\n", "\u001b[2A\u001b[Jc\n", "\u001b[1A\u001b[J"]);
  });
});
