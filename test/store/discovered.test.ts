import { expect, test } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import { type MachineReport, machineReport } from "../../src/nodes/machine-report.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { reportedMac, reportJson } from "../fakes/machine-report.ts";

const mac = reportedMac as Mac;
const report = (changes: Readonly<Record<string, unknown>> = {}): MachineReport =>
  machineReport.parse(reportJson(changes));

function store() {
  let nowMs = 1_000;
  const nodes = createNodeStore(openDatabase(":memory:"), () => nowMs);
  return { nodes, wait: (ms: number) => (nowMs += ms) };
}

test("a machine that was seen and then reports has both, and when it was last heard", () => {
  const { nodes, wait } = store();
  nodes.discover(mac, "10.0.100.100", { arch: "0" });
  expect(nodes.discovered()[0]).toMatchObject({ report: undefined, waitingMs: undefined });
  wait(1_000);
  nodes.reportMachine("10.0.100.100", report());
  expect(nodes.discovered()).toEqual([
    {
      mac,
      firstSeenMs: 1_000,
      lastSeenMs: 2_000,
      address: "10.0.100.100",
      facts: { arch: "0" },
      report: { atMs: 2_000, address: "10.0.100.100", machine: report() },
      waitingMs: 2_000,
    },
  ]);
});

test("that it waits is noted of a machine that has reported, and of no other", () => {
  const { nodes, wait } = store();
  nodes.discover(mac, undefined, {});
  expect(nodes.noteWaiting(mac)).toBe(false);
  nodes.reportMachine("10.0.100.100", report());
  wait(30_000);
  expect(nodes.noteWaiting(mac)).toBe(true);
  expect(nodes.discovery(mac)?.waitingMs).toBe(31_000);
  expect(nodes.discovery("52:54:00:00:00:01" as Mac)).toBeUndefined();
});

test("of its reports the last five that differ are kept, newest first", () => {
  const { nodes, wait } = store();
  for (let round = 0; round < 9; round++) {
    wait(1_000);
    nodes.reportMachine("10.0.100.100", report({ memoryBytes: round }));
    nodes.reportMachine("10.0.100.101", report({ memoryBytes: round }));
  }
  const reports = nodes.discovery(mac)?.reports ?? [];
  expect(reports.map(({ machine }) => machine.memoryBytes)).toEqual([8, 7, 6, 5, 4]);
  expect(reports[0]).toMatchObject({ atMs: 10_000, address: "10.0.100.101" });
});

test("a crowd of made-up machines pushes out itself, and none that was looked at", () => {
  const { nodes, wait } = store();
  nodes.reportMachine("10.0.100.100", report());
  for (let index = 0; index < 700; index++) {
    wait(1);
    nodes.discover(`made-up-${index}` as Mac, undefined, {});
  }
  const found = nodes.discovered();
  expect(found).toHaveLength(501);
  expect(found.map((machine) => machine.mac)).toContain(mac);
  expect(found.map((machine) => machine.mac)).not.toContain("made-up-0");
});

test("of machines that reported as many are kept, with their reports and no others", () => {
  const { nodes, wait } = store();
  const macOf = (index: number) =>
    `02:00:00:00:${(index >> 8).toString(16).padStart(2, "0")}:${(index & 255).toString(16).padStart(2, "0")}`;
  for (let index = 0; index < 510; index++) {
    wait(1);
    nodes.reportMachine("10.0.100.100", report({ bootMac: macOf(index) }));
  }
  expect(nodes.discovered()).toHaveLength(500);
  expect(nodes.discovery(macOf(9) as Mac)).toBeUndefined();
  expect(nodes.discovery(macOf(10) as Mac)?.reports).toHaveLength(1);
});
