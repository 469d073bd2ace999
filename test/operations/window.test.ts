import { expect, it } from "vitest";
import { spent, windowSince } from "../../src/operations/window.ts";

const window = { key: "quietSinceMs", longestGapMs: 20_000 };

it.each<[string, Record<string, number>, number]>([
  ["with the first look", {}, 100_000],
  ["with the look that found it broken", { lastLookMs: 99_000 }, 100_000],
  [
    "where it began, while looks follow each other",
    { quietSinceMs: 50_000, lastLookMs: 90_000 },
    50_000,
  ],
  ["anew, when nobody looked for too long", { quietSinceMs: 50_000, lastLookMs: 79_000 }, 100_000],
  ["anew, when the clock was set back", { quietSinceMs: 150_000, lastLookMs: 160_000 }, 100_000],
  ["anew, when nobody knows of a look", { quietSinceMs: 50_000 }, 100_000],
])("a window begins %s", (_, evidence, sinceMs) => {
  expect(windowSince(evidence, 100_000, window)).toEqual({
    sinceMs,
    looked: { quietSinceMs: sinceMs, lastLookMs: 100_000 },
  });
});

it.each<[string, Record<string, number>, number]>([
  ["nothing at the first look", {}, 0],
  ["what has passed since the last one", { spentMs: 7_000, timedAtMs: 95_000 }, 12_000],
  ["no more than the most, when nobody looked", { spentMs: 7_000, timedAtMs: 1_000 }, 27_000],
  ["nothing, when the clock was set back", { spentMs: 7_000, timedAtMs: 500_000 }, 7_000],
])("time spent looking counts %s", (_, evidence, spentMs) => {
  expect(spent(evidence, 100_000, 20_000)).toEqual({ spentMs, timedAtMs: 100_000 });
});
