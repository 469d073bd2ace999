import { expect, test } from "vitest";
import { success } from "../../src/cluster/client.ts";
import { judge, type Observation } from "../../src/cluster/judge.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { soakMembers } from "../../src/operations/steps/soak-members.ts";
import type { Work } from "../../src/operations/verb.ts";
import { fakeCluster } from "../fakes/cluster.ts";
import { exampleInventory } from "../fakes/rack.ts";

/** A second of waiting is none here. */
const clock = { now: () => 0, sleep: async () => undefined };
const { signal } = new AbortController();
const names = ["node01", "node02", "node03"];

/**
 * An etcd of three, whose leader node01 has applied 1000 entries; node02 joined, and `applied` are in its log.
 * `committed`: what its members say is committed.
 */
function scene(applied: number | undefined, committed: { index?: number } = { index: 1000 }) {
  const site = exampleInventory();
  const inventory = { ...site, cluster: { ...site.cluster, layers: ["etcd" as const] } };
  const members = names.map((id) => ({
    ...{ id, raftAddress: id, status: "healthy" },
    role: id === "node01" ? ("leader" as const) : ("follower" as const),
  }));
  const seen = (raft: string): Observation => ({
    ...{ members, leader: { id: "node01", term: 3 } },
    health: { status: "healthy", raft, clusterSize: 3, chainfire: undefined },
  });
  const observations = new Map(members.map(({ id, role }) => [id, seen(role)]));
  const cluster = fakeCluster(["etcd"], () => judge({ layer: "etcd", observations }), {
    status: async (_layer, name) => {
      const appliedIndex = name === "node02" ? applied : 1000;
      return success({
        ...{ term: 3, commitIndex: committed.index, appliedIndex },
        dbSizeBytes: undefined,
      });
    },
  });
  const step = soakMembers({ cluster, inventory, clock } as unknown as Work, { joined: "node02" });
  return step.run(
    { operation: { steps: [] } as unknown as Operation, evidence: {}, nowMs: 0 },
    signal,
  );
}

test.each([
  ["within 100 entries of its leader keeps up", 900, /^healthy/],
  [
    "more than 100 entries behind its leader does not match it",
    899,
    /node02 is 101 entries of etcd behind/,
  ],
  ["of a layer that does not tell is judged by what else is known", undefined, /^healthy/],
])("a voter %s", async (_what, applied, why) => {
  expect(await scene(applied)).toMatchObject({ kind: "wait", why: expect.stringMatching(why) });
});

test.each([
  ["keeps up", 900, /^healthy/],
  ["does not match it", 899, /node02 is 101 entries of etcd behind/],
])(
  "behind a leader that tells only what it has applied, a voter %s",
  async (_what, applied, why) => {
    expect(await scene(applied, {})).toMatchObject({ why: expect.stringMatching(why) });
  },
);

test("the members that were seen last are in the record, though the window starts again", async () => {
  expect(await scene(0)).toMatchObject({
    evidence: {
      leaders: "etcd: node01",
      members: {
        etcd: [
          "node01 leader healthy node01",
          "node02 follower healthy node02",
          "node03 follower healthy node03",
        ],
      },
    },
  });
});
