import { describe, expect, it } from "vitest";
import type { Member } from "../../src/cluster/driver.ts";
import type { Observation } from "../../src/cluster/judge.ts";
import { removalShown, standingOf } from "../../src/cluster/membership.ts";

const member = (id: string): Member => ({
  id: id.replace("*", ""),
  raftAddress: `${id.replace("*", "")}:2380`,
  status: "healthy",
  role: id.endsWith("*") ? "learner" : "follower",
});

describe("standingOf", () => {
  const listed = ["node01", "node02"].map(member);
  it.each<[string, { id: string; raftAddress: string }, string | boolean | undefined]>([
    ["nothing of a newcomer", { id: "node03", raftAddress: "node03:2380" }, undefined],
    ["a member at its address", { id: "node02", raftAddress: "node02:2380" }, false],
    [
      "a member at another address",
      { id: "node02", raftAddress: "new:2380" },
      "node02 at new:2380 can't be added: node02 is a member at node02:2380; remove it first",
    ],
    [
      "another member at the address",
      { id: "node03", raftAddress: "node02:2380" },
      "node03 at node02:2380 can't be added: node02 is a member at node02:2380; remove it first",
    ],
  ])("says %s", (_, wanted, expected) => {
    const standing = standingOf(wanted, listed);
    expect(standing?.ok === true ? standing.value.added : standing?.failed).toBe(expected);
  });
});

describe("removalShown", () => {
  // What each node lists; a star marks a learner, nothing a node that did not answer.
  it.each<[string, Record<string, string>, boolean, string]>([
    [
      "gone when all who stay say so",
      { node01: "node01 node02", node02: "node01 node02", node03: "" },
      true,
      "node03 is gone from the lists of 2 of 2 voters: 2 >= 2",
    ],
    [
      "not gone while one of two who stay lists it",
      { node01: "node01 node02", node02: "node01 node02 node03" },
      false,
      "node03 is gone from the lists of 1 of 2 voters: 1 < 2",
    ],
    [
      "gone when two of three who stay say so",
      {
        node01: "node01 node02 node04",
        node02: "node01 node02 node04",
        node04: "node01 node02 node03 node04",
      },
      true,
      "node03 is gone from the lists of 2 of 3 voters: 2 >= 2",
    ],
    [
      "not gone by its own word",
      { node01: "node01 node02 node03", node03: "node01 node02" },
      false,
      "node03 is still in every list",
    ],
    [
      "not gone by the word of a learner",
      { node01: "node01 node02 node03 node04*", node04: "node01 node02 node04*" },
      false,
      "node03 is gone from the lists of 0 of 2 voters: 0 < 2",
    ],
    [
      "gone from a cluster of one",
      { node01: "node01", node03: "node01 node03" },
      true,
      "node03 is gone from the lists of 1 of 1 voters: 1 >= 1",
    ],
    ["not gone when nobody answers", { node01: "", node02: "" }, false, "nobody lists any member"],
  ])("is %s", (_, lists, shown, sentence) => {
    const observations = new Map<string, Observation>(
      Object.entries(lists).map(([node, list]) => [
        node,
        list === "" ? { failure: "down", silent: true } : { members: list.split(" ").map(member) },
      ]),
    );
    expect(removalShown(observations, "node03")).toEqual({ shown, sentence });
  });
});
