import { describe, expect, it, test } from "vitest";
import { planStarts } from "../../src/bmc/power-plan.ts";

const machines = (...names: readonly string[]) =>
  names.map((name) => {
    const group = name.slice(0, -1);
    return { name, group: group === "" ? undefined : group };
  });

const plan = (names: readonly string[], startsPerSecond: number, startsPerSecondPerGroup: number) =>
  planStarts(machines(...names), { startsPerSecond, startsPerSecondPerGroup })
    .map(({ machine, startMs }) => `${machine.name}@${Math.round(startMs)}`)
    .join(" ");

describe("starts are planned", () => {
  it.each<[string, string[], number, number, string]>([
    ["none for nobody", [], 4, 1, ""],
    ["at once for one", ["a1"], 4, 1, "a1@0"],
    ["one a second in one group", ["a1", "a2", "a3"], 4, 1, "a1@0 a2@1000 a3@2000"],
    ["by the site where there are no groups", ["1", "2", "3"], 4, 1, "1@0 2@250 3@500"],
    ["by the site where that is stricter", ["a1", "a2", "b1"], 1, 4, "a1@0 a2@1000 b1@2000"],
    ["with groups taking turns", ["a1", "a2", "b1", "b2"], 4, 1, "a1@0 b1@250 a2@1000 b2@1250"],
    [
      "with machines of no group in the gaps",
      ["a1", "a2", "1", "2", "3", "4"],
      4,
      1,
      "a1@0 1@250 2@500 3@750 a2@1000 4@1250",
    ],
    ["slower than one a second", ["a1", "a2"], 4, 0.1, "a1@0 a2@10000"],
  ])("%s", (_, names, site, group, expected) => {
    expect(plan(names, site, group)).toBe(expected);
  });
});

test("no second of a large plan has more starts than the limits, and nobody is forgotten", () => {
  const many = Array.from({ length: 400 }, (_, index) => ({
    name: `n${index}`,
    group: index % 7 === 0 ? undefined : `pdu${index % 5}`,
  }));
  const limits = { startsPerSecond: 4, startsPerSecondPerGroup: 1 };
  const planned = planStarts(many, limits);
  expect(new Set(planned.map(({ machine }) => machine.name)).size).toBe(400);
  for (const { startMs } of planned) {
    const second = planned.filter((one) => one.startMs >= startMs && one.startMs < startMs + 1000);
    expect(second.length).toBeLessThanOrEqual(4);
    const groups = second.flatMap(({ machine }) => machine.group ?? []);
    expect(new Set(groups).size).toBe(groups.length);
  }
});
