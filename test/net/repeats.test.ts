import { expect, it } from "vitest";
import { createRepeats } from "../../src/net/repeats.ts";

it("is a repeat until the window of the first sighting is over, each key by itself", () => {
  let nowMs = 0;
  const isRepeat = createRepeats(() => nowMs);
  const seen = (key: string, atMs: number) => {
    nowMs = atMs;
    return isRepeat(key, 100);
  };
  expect([seen("a", 0), seen("a", 60), seen("b", 60), seen("a", 99)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect([seen("a", 100), seen("b", 159), seen("b", 160)]).toEqual([false, true, false]);
});

it("forgets the oldest of more keys than it has room for", () => {
  const isRepeat = createRepeats(() => 0);
  isRepeat("first", 100);
  for (let i = 0; i < 4096; i++) isRepeat(`key ${i}`, 100);
  expect([isRepeat("key 4095", 100), isRepeat("first", 100)]).toEqual([true, false]);
});
