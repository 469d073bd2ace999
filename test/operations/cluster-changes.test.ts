// Changes of membership against members that a test scripts, on a clock of its own.

import { expect, test } from "vitest";
import { type Answer, failure, success } from "../../src/cluster/client.ts";
import type { ClusterNode, Driver, Member } from "../../src/cluster/driver.ts";
import { judge, type Observation } from "../../src/cluster/judge.ts";
import { clusterChanges } from "../../src/operations/cluster-changes.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const { signal } = new AbortController();
const names = ["node01", "node02", "node03", "node04"];
const nodes: readonly ClusterNode[] = names.map((name) => ({
  ...{ name, fqdn: `${name}.example.com`, address: `10.0.200.${name.slice(-1)}` },
}));
const unused = () => Promise.reject(new Error("not asked in this test"));
const busy = failure("no leader now", { passing: true });

/** Three members whose leader is node01; `calls` is what they were asked to change. */
function scene(script: Partial<Driver> = {}) {
  const calls: string[] = [];
  const members = new Set(["node01", "node02", "node03"]);
  const state = { leader: "node01", two: false };
  const driver: Driver = {
    ...{ layer: "chainfire", port: 2379, raftPort: 2380 },
    ...{ members: unused, leader: unused, health: unused, status: unused, putKey: unused },
    ...{ getKey: unused, snapshot: unused, addMember: unused, transferLeader: unused },
    removeMember: async (_, id) => success({ absent: !members.delete(id) }),
    ...script,
  };
  const noted: Driver = {
    ...driver,
    addMember: async (by, member, stop) => {
      calls.push(`add ${member.id} at ${member.raftAddress} through ${by.name}`);
      return await driver.addMember(by, member, stop);
    },
    removeMember: async (by, id, stop) => {
      calls.push(`remove ${id} through ${by.name}`);
      return await driver.removeMember(by, id, stop);
    },
    transferLeader: async (by, toId, stop) => {
      calls.push(`transfer from ${by.name} to ${toId}`);
      return await driver.transferLeader(by, toId, stop);
    },
  };
  const look = async () => {
    const observations = new Map(names.map((name) => [name, seen(name, members, state.leader)]));
    if (state.two) observations.set("node04", seen("node04", new Set(["node04"]), "node04"));
    return { observations, judgement: judge({ layer: "chainfire", observations }) };
  };
  const clock = manualClock();
  const changes = clusterChanges({ look, driver: () => noted, nodes: () => nodes, clock });
  return { calls, members, state, clock, changes };
}

function seen(name: string, members: ReadonlySet<string>, leader: string): Observation {
  if (!members.has(name)) return { failure: "nothing listens there", silent: true };
  const list = [...members].map(
    (id): Member => ({
      ...{ id, raftAddress: `${id}:2380`, status: "healthy" },
      role: id === leader ? "leader" : "follower",
    }),
  );
  const raft = name === leader ? "leader" : "follower";
  return {
    members: list,
    leader: { id: leader, term: 1 },
    health: { status: "healthy", raft, clusterSize: undefined, chainfire: undefined },
  };
}

function inTurn<T>(...answers: readonly Answer<T>[]): () => Promise<Answer<T>> {
  let next = 0;
  return async () => answers[Math.min(next++, answers.length - 1)] ?? failure("no answer left");
}

test("a member is added at its Raft port through the leader", async () => {
  const { changes, calls } = scene({ addMember: inTurn(success({ added: true })) });
  expect(await changes.addMember("chainfire", "node04", signal)).toEqual(success({ added: true }));
  expect(calls).toEqual(["add node04 at 10.0.200.4:2380 through node01"]);
});

test("another healthy member is asked when the leader can't just now, and all again after a pause", async () => {
  const { changes, calls, clock } = scene({
    addMember: inTurn(busy, failure("gone", { silent: true }), busy, success({ added: true })),
  });
  const startMs = clock.now();
  expect((await changes.addMember("chainfire", "node04", signal)).ok).toBe(true);
  expect(calls.map((call) => call.split(" ").at(-1))).toEqual([
    ...["node01", "node02", "node03"],
    "node01",
  ]);
  expect(clock.now() - startMs).toBe(2000);
});

test("a refusal for good is not asked about again", async () => {
  const { changes, calls } = scene({ addMember: inTurn(failure("node04 is a member elsewhere")) });
  expect(await changes.addMember("chainfire", "node04", signal)).toMatchObject({
    failed: "node04 is a member elsewhere",
  });
  expect(calls).toHaveLength(1);
});

test("what stays impossible is given up after a minute", async () => {
  const { changes, clock } = scene({ addMember: inTurn(busy) });
  const startMs = clock.now();
  expect(await changes.addMember("chainfire", "node04", signal)).toEqual(busy);
  expect(clock.now() - startMs).toBe(60_000);
});

test("nobody is added whom the inventory does not know", async () => {
  const { changes, calls } = scene();
  expect(await changes.addMember("chainfire", "node09", signal)).toMatchObject({
    failed: "node09 is not in the inventory",
  });
  expect(calls).toEqual([]);
});

test("the leader is removed through another member", async () => {
  const { changes, calls, members } = scene();
  expect(await changes.removeMember("chainfire", "node01", signal)).toEqual(
    success({ absent: false }),
  );
  expect(calls).toEqual(["remove node01 through node02"]);
  expect(members).toEqual(new Set(["node02", "node03"]));
});

test("a removal is done when it shows, whatever the first member said of it", async () => {
  let asked = 0;
  const { changes, calls, members } = scene({
    // A follower that lags behind takes the member for absent, and so does a path that is not there.
    removeMember: async (_, id) => {
      if (++asked === 3) members.delete(id);
      return success({ absent: true });
    },
  });
  expect(await changes.removeMember("chainfire", "node03", signal)).toEqual(
    success({ absent: true }),
  );
  expect(calls).toHaveLength(3);
});

test("a removal that never shows is a failed answer that says who still lists the member", async () => {
  const { changes } = scene({ removeMember: inTurn(success({ absent: true })) });
  expect(await changes.removeMember("chainfire", "node03", signal)).toMatchObject({
    ok: false,
    passing: true,
    failed: "chainfire: node03 is still in every list",
  });
});

test("nothing is changed while there are two clusters", async () => {
  const { changes, calls, state } = scene();
  state.two = true;
  expect(await changes.removeMember("chainfire", "node03", signal)).toMatchObject({
    ok: false,
    failed: expect.stringContaining("two clusters"),
  });
  expect(calls).toEqual([]);
});

test("a cluster that promotes by itself is left to it", async () => {
  const { changes } = scene();
  expect(await changes.promote("chainfire", "node03", signal)).toEqual(success("automatic"));
});

test("a learner that is catching up is told of at once", async () => {
  const { changes, clock } = scene({ promote: inTurn(success("catching-up")) });
  const startMs = clock.now();
  expect(await changes.promote("chainfire", "node03", signal)).toEqual(success("catching-up"));
  expect(clock.now()).toBe(startMs);
});

test("the lead is handed over by the leader, and waited for", async () => {
  let asked = 0;
  const script = scene({
    transferLeader: async (_, toId) => {
      if (++asked === 2) script.state.leader = toId;
      return success("transferred");
    },
  });
  const lead = { from: "node01", to: "node02" };
  expect(await script.changes.transferLeader("chainfire", lead, signal)).toEqual(
    success("transferred"),
  );
  expect(script.calls).toEqual(Array(2).fill("transfer from node01 to node02"));
});

test("a leader that has no such call says so at once", async () => {
  const { changes, calls } = scene({ transferLeader: inTurn(success("unsupported")) });
  const lead = { from: "node01", to: "node02" };
  expect(await changes.transferLeader("chainfire", lead, signal)).toEqual(success("unsupported"));
  expect(calls).toHaveLength(1);
});

test("who leads already is not asked to", async () => {
  const { changes, calls } = scene();
  const lead = { from: "node02", to: "node01" };
  expect((await changes.transferLeader("chainfire", lead, signal)).ok).toBe(true);
  expect(calls).toEqual([]);
});

test("the lead of another, who was elected meanwhile, is left alone", async () => {
  const { changes, calls } = scene();
  const lead = { from: "node02", to: "node03" };
  expect(await changes.transferLeader("chainfire", lead, signal)).toMatchObject({
    failed: "chainfire: node01 leads by now, and not node02",
  });
  expect(calls).toEqual([]);
});
