import { expect, it } from "vitest";
import { createPerSecond } from "../../src/net/per-second.ts";

it("lets so many through in each second of the clock, each group by itself", () => {
  const mayPass = createPerSecond({ few: 2, none: 0, one: 1 });
  const asked = (group: "few" | "none" | "one", ...times: number[]) =>
    times.map((nowMs) => mayPass(group, nowMs));
  expect(asked("few", 5_000, 5_500, 5_999)).toEqual([true, true, false]);
  expect(asked("one", 5_999, 5_999)).toEqual([true, false]);
  expect(asked("none", 5_999)).toEqual([false]);
  expect(asked("few", 6_000, 6_000, 6_000, 7_000)).toEqual([true, true, false, true]);
  // A clock that is set back begins a second too.
  expect(asked("few", 3_000)).toEqual([true]);
});
