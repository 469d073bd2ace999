import { expect, test } from "vitest";
import { machineReport } from "../../src/nodes/machine-report.ts";
import { reportJson } from "../fakes/machine-report.ts";

const withSerial = (serial: unknown) => reportJson({ system: { serial } });

test("a report of the image is taken as it is", () => {
  const read = machineReport.parse(reportJson());
  expect(JSON.parse(JSON.stringify(read))).toEqual(reportJson());
});

test("MACs are written alike, however they come", () => {
  const read = machineReport.parse(reportJson({ bootMac: "52-54-00-12-34-AB" }));
  expect(read.bootMac).toBe("52:54:00:12:34:ab");
});

test.each<[string, unknown]>([
  ["a key that is not known", reportJson({ command: "reboot" })],
  ["another version", reportJson({ version: 2 })],
  ["no MAC", reportJson({ bootMac: "nobody" })],
  ["a control character", withSerial("CZ\u001b[2J")],
  ["a line break", withSerial("CZ\nCZ")],
  ["letters beyond ASCII", withSerial("Straße")],
  ["an empty text", withSerial("")],
  ["a text that is too long", withSerial("x".repeat(129))],
  ["a number for a text", withSerial(7)],
  ["too many disks", reportJson({ disks: Array(129).fill(reportJson().disks[0]) })],
  ["a size below zero", reportJson({ memoryBytes: -1 })],
  ["a fraction", reportJson({ memoryBytes: 1.5 })],
  ["a BMC at no address", reportJson({ bmc: { address: "http://10.0.0.1/" } })],
  [
    "a VLAN that there is not",
    reportJson({ nics: [{ ...reportJson().nics[0], neighbour: { vlan: 4095 } }] }),
  ],
  ["a list", [reportJson()]],
  ["nothing", null],
])("%s is refused", (_what, report) => {
  expect(machineReport.safeParse(report).success).toBe(false);
});

/** Numbers from a seed (mulberry32), so that a failure repeats. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const strange: readonly unknown[] = [
  ...[null, true, -1, 1e300, "", "\u0000", "$" + "{net0/mac}", "`id`", "x".repeat(1000)],
  ...[[], {}, [[]], { __proto__: null }],
];

/** `value` with one place in it changed, taken out or filled with something else. */
function mutated(value: unknown, next: () => number): unknown {
  if (typeof value !== "object" || value === null || next() < 0.1)
    return strange[Math.floor(next() * strange.length)];
  const keys = Object.keys(value);
  const key = keys[Math.floor(next() * keys.length)] ?? "";
  const entries = Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    if (name !== key) return [[name, inner]];
    return next() < 0.1 ? [] : [[next() < 0.1 ? `${name}x` : name, mutated(inner, next)]];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

test("20,000 mutated reports: none throws, and every text that is taken is bounded and printable", () => {
  const next = random(20_261_121);
  const counts = { taken: 0, refused: 0 };
  for (let round = 0; round < 20_000; round++) {
    const read = machineReport.safeParse(mutated(reportJson(), next));
    counts[read.success ? "taken" : "refused"]++;
    if (!read.success) continue;
    const text = JSON.stringify(read.data);
    expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(text.length).toBeLessThan(5000);
    expect(text).not.toContain("x".repeat(300));
  }
  expect(counts.taken).toBeGreaterThan(100);
  expect(counts.refused).toBeGreaterThan(10_000);
});
