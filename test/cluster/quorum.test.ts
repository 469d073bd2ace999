import { describe, expect, it, test } from "vitest";
import { quorumBudget, replaceSafety } from "../../src/cluster/quorum.ts";

const n = (count: number) => Array.from({ length: count }, (_, index) => `node0${index + 1}`);

describe("quorumBudget", () => {
  it.each<[string, number, number, string[], string]>([
    [
      "one of three healthy",
      3,
      3,
      ["node02"],
      "voters 3, healthy 3, taking node02 leaves 2 >= 2: allowed",
    ],
    [
      "two of three healthy",
      3,
      3,
      ["node01", "node02"],
      "voters 3, healthy 3, taking node01, node02 leaves 1 < 2: refused",
    ],
    [
      "a second one when one is already sick",
      3,
      2,
      ["node01"],
      "voters 3, healthy 2, taking node01 leaves 1 < 2: refused",
    ],
    [
      "the sick one itself",
      3,
      2,
      ["node03"],
      "voters 3, healthy 2, taking node03 leaves 2 >= 2: allowed",
    ],
    ["one of two", 2, 2, ["node01"], "voters 2, healthy 2, taking node01 leaves 1 < 2: refused"],
    ["one of four", 4, 4, ["node01"], "voters 4, healthy 4, taking node01 leaves 3 >= 3: allowed"],
    [
      "two of four",
      4,
      4,
      ["node01", "node02"],
      "voters 4, healthy 4, taking node01, node02 leaves 2 < 3: refused",
    ],
    [
      "the only voter",
      1,
      1,
      ["node01"],
      "voters 1, healthy 1, taking node01 leaves 0 < 1: refused",
    ],
    [
      "a machine that does not vote",
      3,
      3,
      ["worker01"],
      "voters 3, healthy 3, taking worker01 leaves 3 >= 2: allowed",
    ],
    [
      "the sick one of a cluster without a majority",
      3,
      1,
      ["node03"],
      "voters 3, healthy 1, taking node03 leaves 1 < 2: refused",
    ],
  ])("judges taking %s", (_, voters, healthy, taking, sentence) => {
    const budget = quorumBudget({ voters: n(voters), healthyVoters: n(healthy) }, taking);
    expect(budget.sentence).toBe(sentence);
    expect(budget.allowed).toBe(sentence.endsWith("allowed"));
  });
});

// Voters, healthy among them, who is to be removed, whether two voters are asked for, and the sentence after the names.
const replacements: readonly [string, number, number, string, boolean, string][] = [
  ["the dead one of three", 3, 2, "node03", false, "2 >= 2, to go on without it 2 >= 2: allowed"],
  ["the dead one of four", 4, 3, "node04", false, "3 >= 3, to go on without it 3 >= 2: allowed"],
  ["one of five, two dead", 5, 3, "node05", false, "3 >= 3, to go on without it 3 >= 3: allowed"],
  ["a learner", 3, 3, "worker01", false, "3 >= 2, to go on without it 3 >= 2: allowed"],
  ["one of three, two dead", 3, 1, "node03", false, "1 < 2, to go on without it 1 < 2: refused"],
  ["the living one of two", 3, 2, "node01", false, "1 < 2, to go on without it 1 < 2: refused"],
  ["one of four, two dead", 4, 2, "node04", false, "2 < 3, to go on without it 2 >= 2: refused"],
  ["the dead one of two", 2, 1, "node02", false, "1 < 2, to go on without it 1 >= 1: refused"],
  [
    "the dead one of two, asked for by name",
    ...([2, 1, "node02", true] as const),
    "1 < 2, to go on without it 1 >= 1: allowed because it was asked for",
  ],
  ["one of three, asked for", 3, 1, "node03", true, "1 < 2, to go on without it 1 < 2: refused"],
  ["the only voter", 1, 1, "node01", true, "0 < 1, to go on without it 0 < 1: refused"],
  ["a learner of two", 2, 1, "worker01", true, "1 < 2, to go on without it 1 < 2: refused"],
];

test.each(replacements)("judges removing %s", (_, voters, healthy, target, evenOfTwo, sums) => {
  const seen = { voters: n(voters), healthyVoters: n(healthy) };
  const { allowed, sentence } = replaceSafety(seen, target, { evenOfTwo });
  const left = n(healthy).filter((name) => name !== target).length;
  expect(sentence).toBe(
    `voters ${voters}, healthy without ${target} ${left}: to remove it ${sums}`,
  );
  expect(allowed).toBe(!sums.endsWith("refused"));
});
