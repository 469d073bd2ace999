import { describe, expect, it } from "vitest";
import type { Member } from "../../src/cluster/driver.ts";
import { judge, majority, type Observation } from "../../src/cluster/judge.ts";

type Role = Member["role"];

function members(roles: Readonly<Record<string, Role>>, sick: readonly string[] = []): Member[] {
  return Object.entries(roles).map(([id, role], index) => ({
    id,
    role,
    raftAddress: `10.0.200.${10 + index}:2380`,
    status: sick.includes(id) ? "unhealthy" : "healthy",
  }));
}

function answer(list: readonly Member[], name: string, term?: number): Observation {
  const own = list.find(({ id }) => id === name);
  return {
    members: list,
    leader: { id: list.find(({ role }) => role === "leader")?.id, term },
    health: {
      status: "healthy",
      raft: own?.role ?? "none",
      clusterSize: list.length,
      chainfire: undefined,
    },
  };
}

function all(list: readonly Member[]): Map<string, Observation> {
  return new Map(list.map(({ id }) => [id, answer(list, id)]));
}

const three = members({ node01: "leader", node02: "follower", node03: "follower" });
const names = ["node01", "node02", "node03"];
const down: Observation = { failure: "10.0.200.12:2379 refuses the connection" };

describe("judge", () => {
  it("calls three agreeing voters healthy", () => {
    const judgement = judge({ layer: "chainfire", expected: names, observations: all(three) });
    expect(judgement).toMatchObject({
      verdict: "healthy",
      voters: names,
      healthyVoters: names,
      leader: "node01",
      disagreement: undefined,
      reasons: [],
    });
  });

  it("calls one dead voter of three degraded and keeps the leader", () => {
    const observations = all(members({ ...roles(three) }, ["node03"])).set("node03", down);
    const judgement = judge({ layer: "chainfire", expected: names, observations });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.healthyVoters).toEqual(["node01", "node02"]);
    expect(judgement.leader).toBe("node01");
    expect(judgement.reasons).toEqual(["node03 is listed as unhealthy"]);
  });

  it("does not count a voter that is listed as healthy and does not answer", () => {
    const observations = all(three).set("node03", down);
    const judgement = judge({ layer: "chainfire", observations });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.reasons).toEqual([
      "node03 gives no full answer: 10.0.200.12:2379 refuses the connection",
    ]);
  });

  it("leaves it to each voter to say how it is where the list says nothing", () => {
    const unknown = three.map((member) => ({ ...member, status: "unknown" }));
    expect(judge({ layer: "etcd", observations: all(unknown) }).verdict).toBe("healthy");
    const observations = all(unknown);
    observations.delete("node03");
    expect(judge({ layer: "etcd", observations }).reasons).toEqual([
      "node03 is listed as unknown",
      "unknown follower node03 at 10.0.200.12:2380",
    ]);
  });

  it("sees no quorum with one healthy voter of three", () => {
    const observations = all(three).set("node02", down).set("node03", down);
    const judgement = judge({ layer: "flaredb", observations });
    expect(judgement.verdict).toBe("no-quorum");
    expect(judgement.reasons[0]).toBe("no majority: voters 3, healthy 1 < 2");
  });

  it("sees no quorum when nobody knows a leader", () => {
    const list = members({ node01: "follower", node02: "follower", node03: "follower" });
    const judgement = judge({ layer: "chainfire", observations: all(list) });
    expect(judgement.verdict).toBe("no-quorum");
    expect(judgement.leader).toBeUndefined();
    expect(judgement.reasons).toEqual(["no member knows a leader"]);
  });

  it("says no cluster, with each machine's reason, when nobody answers as a member", () => {
    const blank: Observation = {
      members: [],
      leader: { id: undefined, term: undefined },
      health: { status: "healthy", raft: "none", clusterSize: 0, chainfire: undefined },
    };
    const observations = new Map([
      ["node01", blank],
      ["node02", down],
    ]);
    const judgement = judge({ layer: "chainfire", expected: names, observations });
    expect(judgement.verdict).toBe("no-cluster");
    expect(judgement.reasons).toEqual([
      "no machine answers as a member of a cluster",
      "node01: in no cluster",
      "node02: 10.0.200.12:2379 refuses the connection",
    ]);
  });
});

describe("who counts as a healthy voter", () => {
  it("never counts a learner as a voter", () => {
    const list = members({ node01: "leader", node02: "follower", node03: "learner" });
    const judgement = judge({ layer: "chainfire", expected: names, observations: all(list) });
    expect(judgement.voters).toEqual(["node01", "node02"]);
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.reasons).toEqual(["node03 is still a learner"]);
  });

  it("needs three of four voters", () => {
    const list = members({
      node01: "leader",
      node02: "follower",
      node03: "follower",
      node04: "follower",
    });
    const two = all(list).set("node03", down).set("node04", down);
    expect(judge({ layer: "chainfire", observations: all(list) }).verdict).toBe("healthy");
    expect(judge({ layer: "chainfire", observations: two }).verdict).toBe("no-quorum");
  });

  it("names an expected machine that is no member, and why", () => {
    const judgement = judge({
      layer: "chainfire",
      expected: [...names, "node04"],
      observations: all(three).set("node04", down),
    });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.reasons).toEqual([
      "node04 is not a member: 10.0.200.12:2379 refuses the connection",
    ]);
  });

  it("names a member that nobody declared", () => {
    const list = [...three, ...members({ old07: "follower" })];
    const observations = new Map(names.map((name) => [name, answer(list, name)]));
    const judgement = judge({ layer: "chainfire", expected: names, observations });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.reasons).toEqual(["unknown follower old07 at 10.0.200.10:2380"]);
  });

  it.each([
    ["calls itself unhealthy", { status: "unhealthy", raft: "follower" }],
    ["is listed as a voter and calls itself none", { status: "healthy", raft: "none" }],
    [
      "is not connected to chainfire: disconnected",
      { status: "healthy", raft: "follower", chainfire: "disconnected" },
    ],
  ])("does not count a voter that %s", (why, health) => {
    const seen: Observation = {
      ...answer(three, "node02"),
      health: { clusterSize: undefined, chainfire: undefined, ...health },
    };
    const observations = all(three).set("node02", seen);
    const judgement = judge({ layer: "flaredb", observations });
    expect(judgement.healthyVoters).toEqual(["node01", "node03"]);
    expect(judgement.reasons).toEqual([`node02 ${why}`]);
  });
});

describe("disagreement", () => {
  it("is about the leader when machines name different ones", () => {
    const moved = members({ node01: "follower", node02: "leader", node03: "follower" });
    const observations = all(three).set("node02", answer(moved, "node02"));
    const judgement = judge({ layer: "chainfire", expected: names, observations });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.leader).toBeUndefined();
    expect(judgement.disagreement).toEqual({
      kind: "leader",
      detail:
        "no agreement on the leader: node01 says node01, node02 says node02, node03 says node01",
    });
  });

  it("is about the leader when one machine names another than it lists", () => {
    const seen: Observation = {
      ...answer(three, "node02"),
      leader: { id: undefined, term: undefined },
    };
    const lone = judge({ layer: "chainfire", observations: new Map([["node02", seen]]) });
    expect(lone.disagreement?.detail).toBe("node02 names nobody as leader and lists node01");
  });

  it("is about the members when a machine shows an older list", () => {
    const four = [...three, ...members({ node04: "follower" })];
    const observations = all(four).set("node03", answer(three, "node03"));
    const judgement = judge({ layer: "chainfire", observations });
    expect(judgement.disagreement?.kind).toBe("members");
    expect(judgement.voters).toHaveLength(4);
    expect(judgement.verdict).toBe("degraded");
  });

  it("names two clusters that share no member", () => {
    const other = members({ node03: "leader" });
    const pair = members({ node01: "leader", node02: "follower" });
    const observations = all(pair).set("node03", answer(other, "node03"));
    const judgement = judge({ layer: "chainfire", expected: names, observations });
    expect(judgement.verdict).toBe("degraded");
    expect(judgement.disagreement).toEqual({
      kind: "two-clusters",
      detail: "two clusters: node01 is in {node01, node02}, node03 is in {node03}",
    });
  });

  it("names two clusters when a reinstalled machine leads one of its own", () => {
    const reborn = members({ node01: "leader" });
    const old = members({ node01: "follower", node02: "leader", node03: "follower" });
    const observations = all(old).set("node01", answer(reborn, "node01"));
    expect(judge({ layer: "chainfire", observations }).disagreement?.kind).toBe("two-clusters");
  });

  it("takes two leaders over the same members for two clusters only within one term", () => {
    const moved = members({ node01: "follower", node02: "leader", node03: "follower" });
    const at = (first: number, second: number) =>
      judge({
        layer: "chainfire",
        observations: new Map([
          ["node01", answer(three, "node01", first)],
          ["node02", answer(moved, "node02", second)],
        ]),
      }).disagreement?.kind;
    expect(at(4, 4)).toBe("two-clusters");
    expect(at(4, 5)).toBe("leader");
  });
});

describe("a machine that was removed and has not heard of it", () => {
  const two = members({ node01: "leader", node02: "follower" });
  const former = (list: readonly Member[], leader: string | undefined): Observation => ({
    ...answer(list, "node03"),
    leader: { id: leader, term: 7 },
  });
  const judged = (node03: Observation) =>
    judge({ layer: "flaredb", observations: new Map([...all(two), ["node03", node03]]) });
  const unled = three.map((member) => ({ ...member, role: "follower" as const }));

  it.each([
    ["nobody leads any more", undefined, unled],
    ["the one that led then still leads", "node01", three],
  ])("does not count when it says that %s", (_, leader, list) => {
    const { disagreement, leader: agreed, verdict, reasons } = judged(former(list, leader));
    expect([disagreement, agreed, verdict]).toEqual([undefined, "node01", "degraded"]);
    expect(reasons).toEqual([
      "node03 was removed and runs on: it lists node01, node02, node03, and they list node01, node02",
    ]);
  });

  it("counts all the same when it leads or follows another, or knows too few of those who stay, or they do not agree either", () => {
    const leads = members({ node01: "follower", node02: "follower", node03: "leader" });
    expect(judged(former(leads, "node03")).disagreement?.kind).toBe("two-clusters");
    // Node02 of the old cluster leads it, and only this server does not reach it.
    const alone = all(members({ node01: "leader" }));
    const old = members({ node01: "follower", node02: "leader", node03: "follower" });
    const beside = new Map([...alone, ["node03", former(old, "node02")] as const]);
    expect(judge({ layer: "flaredb", observations: beside })).toMatchObject({
      ...{ leader: undefined, disagreement: { kind: "leader" } },
    });
    const own = members({ node03: "follower", node01: "follower" });
    expect(judged(former(own, undefined)).disagreement?.kind).toBe("leader");
    const behind = new Map([...all(two), ["node03", former(unled, undefined)] as const]);
    behind.set("node02", answer(three, "node02"));
    const judgement = judge({ layer: "flaredb", observations: behind });
    expect(judgement.disagreement).toBeDefined();
  });
});

describe("terms", () => {
  it("sees no agreement while members name one leader in different terms", () => {
    const observations = new Map(names.map((name) => [name, answer(three, name, 7)]));
    expect(judge({ layer: "etcd", observations }).disagreement).toBeUndefined();
    observations.set("node03", answer(three, "node03", 6));
    expect(judge({ layer: "etcd", observations })).toMatchObject({
      ...{ verdict: "degraded", leader: "node01" },
      disagreement: {
        kind: "leader",
        detail: "no agreement on the term: node01 says 7, node02 says 7, node03 says 6",
      },
    });
    // Nor does one that is no healthy voter stand in the way of the others.
    const old = answer(three, "node03", 6);
    const sick = { ...old, health: { ...old.health, status: "unhealthy" } } as Observation;
    observations.set("node03", sick);
    expect(judge({ layer: "etcd", observations }).disagreement).toBeUndefined();
    // One that tells no term contradicts nobody.
    observations.set("node03", answer(three, "node03"));
    expect(judge({ layer: "etcd", observations }).verdict).toBe("healthy");
  });
});

describe("majority", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [7, 4],
  ])("of %i voters is %i", (voters, needed) => {
    expect(majority(voters)).toBe(needed);
  });
});

function roles(list: readonly Member[]): Record<string, Role> {
  return Object.fromEntries(list.map(({ id, role }) => [id, role]));
}
