import { describe, expect, it } from "vitest";
import { quorumBudget } from "../../src/cluster/quorum.ts";

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
