import { expect, test } from "vitest";
import { failure, success } from "../../src/cluster/client.ts";
import { judge } from "../../src/cluster/judge.ts";
import type { Evidence, Operation } from "../../src/operations/operation.ts";
import type { StepContext } from "../../src/operations/provision.ts";
import type { StepResult } from "../../src/operations/result.ts";
import { promoteMember } from "../../src/operations/steps/promote-member.ts";
import { fakeCluster } from "../fakes/cluster.ts";
import { exampleInventory } from "../fakes/rack.ts";

const { signal } = new AbortController();

/** An etcd of node01 that node02 is to join; `applied`: how far node02 is when the leader has committed 1000 entries. */
function scene() {
  const site = exampleInventory();
  const inventory = { ...site, cluster: { ...site.cluster, layers: ["etcd" as const] } };
  const calls: string[] = [];
  const state = { role: undefined as "learner" | "follower" | undefined, applied: 0, inSync: true };
  const look = () => {
    const first = { id: "node01", raftAddress: "a", status: "healthy", role: "leader" } as const;
    const role = state.role;
    const own = role === undefined ? [] : [{ ...first, id: "node02", role }];
    const members = [first, ...own];
    const health = { status: "healthy", raft: "leader", clusterSize: 2, chainfire: undefined };
    const observation = { members, leader: { id: "node01", term: 1 }, health };
    return judge({ layer: "etcd", observations: new Map([["node01", observation]]) });
  };
  const status = (commitIndex: number | undefined, appliedIndex: number) =>
    success({ ...{ term: 1, commitIndex, appliedIndex }, dbSizeBytes: undefined });
  const cluster = fakeCluster(["etcd"], look, {
    promotesHere: () => true,
    addMember: async (_layer, name) => {
      calls.push(`add ${name}`);
      state.role = "learner";
      return success({ added: true });
    },
    status: async (_layer, name) =>
      name === "node01" ? status(1000, 1000) : status(undefined, state.applied),
    promote: async (_layer, name) => {
      calls.push(`promote ${name}`);
      if (!state.inSync) return success("catching-up");
      state.role = "follower";
      return success("promoted");
    },
  });
  const node = inventory.nodes.find(({ name }) => name === "node02");
  const step = promoteMember({ cluster, inventory, node } as unknown as StepContext);
  let evidence: Evidence = {};
  const attempt = async (nowMs: number): Promise<StepResult> => {
    const result = await step.run({ operation: {} as Operation, evidence, nowMs }, signal);
    if (result.kind !== "failed") evidence = { ...evidence, ...result.evidence };
    return result;
  };
  return { state, calls, cluster, attempt };
}

test("a machine is added as a learner, and promoted when it has kept up for half a minute", async () => {
  const { state, calls, attempt } = scene();
  expect(await attempt(0)).toMatchObject({ kind: "wait", why: "node02 is a learner of etcd" });
  expect(await attempt(2000)).toMatchObject({ why: "node02 is 1000 entries of etcd behind" });
  state.applied = 900;
  expect(await attempt(4000)).toMatchObject({ why: "node02 keeps up with etcd" });
  expect(await attempt(33_000)).toMatchObject({ kind: "wait" });
  expect(calls).toEqual(["add node02"]);
  expect(await attempt(34_000)).toMatchObject({ why: "etcd: promoted" });
  expect(await attempt(34_000)).toMatchObject({ kind: "done" });
  expect(calls).toEqual(["add node02", "promote node02"]);
});

test("a learner that falls back begins its half minute anew", async () => {
  const { state, calls, attempt } = scene();
  await attempt(0);
  state.applied = 1000;
  await attempt(2000);
  state.applied = 800;
  expect(await attempt(31_000)).toMatchObject({ why: "node02 is 200 entries of etcd behind" });
  state.applied = 950;
  await attempt(33_000);
  await attempt(62_000);
  expect(calls).not.toContain("promote node02");
  await attempt(63_000);
  expect(calls).toContain("promote node02");
});

test("where the cluster says that it is still catching up, or gives no answer, it is asked again", async () => {
  const { state, cluster, attempt } = scene();
  Object.assign(state, { role: "learner", applied: 1000, inSync: false });
  await attempt(0);
  expect(await attempt(30_000)).toMatchObject({ kind: "wait", why: "etcd: catching-up" });
  Object.assign(cluster, { status: async () => failure("no answer", { silent: true }) });
  expect(await attempt(32_000)).toMatchObject({
    why: "node02 is an unknown number of entries of etcd behind",
  });
});
