import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseSyncCount } from "./count-syncs.ts";
import { percentile } from "./percentile.ts";
import { dropShare, parsePerfdhcp } from "./perfdhcp.ts";
import { ratiosOf, tableOf } from "./report.ts";

// Printed by perfdhcp 2.2.0: `exchanges` with `-x t`, `losses` without it.
const recorded = (name: string) =>
  readFileSync(new URL(`../fixtures/perfdhcp/${name}.txt`, import.meta.url), "utf8");

it("reads counts and delays of both halves", () => {
  const { offer, ack } = parsePerfdhcp(recorded("exchanges"));
  expect(offer).toMatchObject({ sent: 19, received: 19 });
  expect(ack).toMatchObject({ sent: 19, received: 19 });
  expect(offer.delaysMs).toHaveLength(19);
  expect(ack.delaysMs).toHaveLength(19);
  // What perfdhcp itself calls the least and the greatest delay.
  expect(Math.min(...offer.delaysMs)).toBeCloseTo(0.202, 3);
  expect(Math.max(...offer.delaysMs)).toBeCloseTo(1.275, 3);
  expect(Math.max(...ack.delaysMs)).toBeCloseTo(0.684, 3);
});

it("reads losses, and takes the worse half", () => {
  const report = parsePerfdhcp(recorded("losses"));
  expect(report.offer).toEqual({ sent: 3999, received: 1095, delaysMs: [] });
  expect(report.ack).toEqual({ sent: 1095, received: 746, delaysMs: [] });
  expect(dropShare(report)).toBeCloseTo(2904 / 3999, 10);
  expect(dropShare({ ...report, offer: report.ack, ack: report.offer })).toBeCloseTo(
    2904 / 3999,
    10,
  );
});

it("reads a run of DISCOVERs only", () => {
  const text = recorded("losses").split("***Statistics for: REQUEST-ACK")[0] ?? "";
  expect(parsePerfdhcp(text)).toMatchObject({ offer: { sent: 3999 }, ack: { sent: 0 } });
});

it.each([
  ["", "no statistics"],
  ["Address already in use", "Address already in use"],
  ["***Statistics for: DISCOVER-OFFER***\nsent packets: 4\n", 'no "received packets"'],
])("refuses what is no report: %j", (text, why) => {
  expect(() => parsePerfdhcp(text)).toThrow(why);
});

it.each([
  [[5, 1, 4, 2, 3], 50, 3],
  [[4, 1, 3, 2], 50, 2],
  [Array.from({ length: 200 }, (_, i) => i + 1), 99, 198],
  [[7], 99, 7],
  [[1, 2, 3], 100, 3],
  [[], 50, Number.NaN],
])("of %j the percentile %i is %d", (values, percent, expected) => {
  expect(percentile(values, percent)).toBe(expected);
});

it.each([
  ["", 0],
  [
    `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 90.00    0.500000         500      1000           fdatasync
 10.00    0.050000        1000        50         2 fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.550000         523      1050         2 total
`,
    1050,
  ],
])("sums the calls strace counted", (summary, calls) => {
  expect(parseSyncCount(summary)).toBe(calls);
});

it("divides only what both have, and never by 0", () => {
  const figures = { "a.rate.1": 10, "b.rate.1": 4, "a.rate.2": 5, "a.syncs": 3, "b.syncs": 0 };
  expect(ratiosOf({ figures, notes: {} }, "a", ["b", "c"])).toEqual({ "rate.1.a/b": 2.5 });
});

it("shows what was not measured as a dash with a footnote, within 100 columns", () => {
  const findings = {
    figures: { "a.rate": 1234.4, "a.p50": 0.5, "a.p99": 2, "b.p50": 1, "b.p99": 1 },
    notes: { "b.rate": "not reached in 50 s" },
  };
  const rows = [
    { title: "rate", measures: ["rate"], decimals: 0 },
    { title: "p50 / p99", measures: ["p50", "p99"], decimals: 1 },
  ];
  const lines = tableOf(findings, "a", ["a", "b"], rows);
  expect(lines.map((line) => line.split(/\s{2,}/))).toEqual([
    ["", "a", "b", "a/b"],
    ["rate", "1,234", "- (1)", "-"],
    ["p50 / p99", "0.5 / 2.0", "1.0 / 1.0", "0.50 / 2.00"],
    ["(1) not reached in 50 s"],
  ]);
});
