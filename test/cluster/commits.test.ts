import { expect, it } from "vitest";
import { afterTrial, isWell, stuckLeader, type Trial, untried } from "../../src/cluster/commits.ts";

const ok: Trial = { kind: "committed" };
const miss = (leader = "node01"): Trial => ({
  kind: "missed",
  leader,
  reason: `${leader} is late`,
});
const untold: Trial = { kind: "untold", reason: "no leader is agreed on" };

const after = (...trials: readonly Trial[]) =>
  trials.reduce((commits, trial, index) => afterTrial(commits, trial, (index + 1) * 10), untried);

it.each<[string, readonly Trial[], string | undefined]>([
  ["before anything was tried", [], undefined],
  ["while writes are committed", [ok, ok], undefined],
  ["after two misses", [ok, miss(), miss()], undefined],
  ["after three misses", [ok, miss(), miss(), miss()], "node01"],
  ["after three of a server that just started", [miss(), miss(), miss()], "node01"],
  ["when a write between them was committed", [miss(), miss(), ok, miss()], undefined],
  ["when another leads by the third", [miss(), miss(), miss("node02")], undefined],
  ["after three of each", [miss(), miss("node02"), miss("node02"), miss("node02")], "node02"],
  ["while an election goes on", [miss(), miss(), untold, miss()], undefined],
  ["when nobody leads any more", [miss(), miss(), miss(), untold], undefined],
  ["when it commits again", [miss(), miss(), miss(), ok], undefined],
])("a leader is stuck or not %s", (_, trials, stuck) => {
  expect(stuckLeader(after(...trials))).toBe(stuck);
});

it.each<[readonly Trial[], boolean]>([
  [[ok, ok], false],
  [[ok, ok, ok], true],
  [[ok, ok, miss(), ok], false],
  [[ok, ok, untold, ok], false],
])("writes are well after three in a row: %#", (trials, well) => {
  expect(isWell(after(...trials))).toBe(well);
});

it("remembers when a write was last committed, and since when none was, under whichever leader", () => {
  expect(after(ok, miss(), untold, miss("node02"), miss("node02"))).toEqual({
    committedMs: 10,
    failingSinceMs: 20,
    leader: "node02",
    ...{ hits: 0, misses: 2 },
    reason: "node02 is late",
  });
  expect(after(miss(), ok)).toEqual({ committedMs: 20, hits: 1, misses: 0 });
});
