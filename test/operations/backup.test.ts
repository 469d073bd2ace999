import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure, success } from "../../src/cluster/client.ts";
import type { Layer, RaftStatus } from "../../src/cluster/driver.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import { examineBackup, listBackups } from "../../src/operations/backup/folder.ts";
import { type LayerBackup, manifestName, markerKey } from "../../src/operations/backup/manifest.ts";
import type { ClusterAccess } from "../../src/operations/cluster-access.ts";
import { snapshotSource } from "../../src/operations/steps/back-up.ts";
import { fakeCluster } from "../fakes/cluster.ts";
import { fakeRack } from "../fakes/rack.ts";
import { anOrder, carryOut, draft } from "../fakes/rack-runner.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";

const { signal } = new AbortController();

const healthy: Judgement = {
  ...{ layer: "chainfire", verdict: "healthy", leader: "node01", disagreement: undefined },
  ...{ voters: ["node01", "node02", "node03"], healthyVoters: ["node01", "node02", "node03"] },
  ...{ doubtful: [], answering: [], reasons: [] },
  members: [{ id: "node01", raftAddress: "10.0.200.10:2380", status: "healthy", role: "leader" }],
};

/** What a member says that holds everything up to this entry of its log. */
const upTo = (appliedIndex: number | undefined): RaftStatus => ({
  ...{ term: 2, commitIndex: undefined, appliedIndex, dbSizeBytes: undefined },
});

/** A rack whose layers are as `view` says, and keep what is written to them. */
function living(view: Partial<Judgement> = {}, changes: Partial<ClusterAccess> = {}) {
  const rack = fakeRack();
  const kept = new Map<string, string>();
  const to = temporaryDirectory();
  const snapshot: ClusterAccess["snapshot"] = async (layer, node, file) => {
    const text = `${layer} of ${node}: ${kept.get(`${layer}/${markerKey}`)}`;
    writeFileSync(file, text, { mode: 0o600 });
    const sha256 = createHash("sha256").update(text).digest("hex");
    return success({ bytes: text.length, sha256, term: 2, index: 40 });
  };
  const cluster = fakeCluster(
    ["chainfire", "flaredb"],
    (layer) => ({ ...healthy, layer, ...view }),
    {
      putKey: async (layer, _node, key, value) => {
        kept.set(`${layer}/${key}`, value);
        return success(undefined);
      },
      getKey: async (layer, _node, key) => success(kept.get(`${layer}/${key}`) ?? ""),
      status: async () => success(upTo(40)),
      snapshot,
      ...changes,
    },
  );
  Object.assign(rack.tools, { cluster });
  return { rack, to, order: anOrder("backup", { to }) };
}

test("a backup has a snapshot of each layer from a follower, the site's files, and a manifest, and is its owner's alone", async () => {
  const { rack, to, order } = living();
  const operation = await carryOut(rack, order);
  expect(operation).toMatchObject({ status: "done", node: "prod-cluster", nodes: [] });
  const [folder = ""] = await listBackups(to);
  expect(folder).toBe(join(to, "cluster-19700101-001640"));
  expect(readdirSync(folder).toSorted()).toEqual([
    ...["chainfire.snapshot", "flaredb.snapshot", "inventory", manifestName],
  ]);
  expect(readFileSync(join(folder, "flaredb.snapshot"), "utf8")).toBe(
    `flaredb of node02: ${operation.id}`,
  );
  expect([folder, join(folder, manifestName)].map((file) => statSync(file).mode & 0o777)).toEqual([
    0o700, 0o600,
  ]);
  const { manifest, faults } = await examineBackup(folder, signal);
  expect(faults).toEqual([]);
  expect(manifest).toMatchObject({
    ...{ id: operation.id, cluster: "prod-cluster", madeBy: "rackstrap 0.0.0" },
    layers: [
      { layer: "chainfire", from: "node02", term: 2, index: 40, backup: operation.id },
      { layer: "flaredb", from: "node02" },
    ],
    files: [{ path: "inventory/site.yaml" }],
  });
});

test("the draft says where each snapshot would come from, and writes nothing", async () => {
  const { rack, to, order } = living();
  const { notes, refusals } = await draft(rack, order);
  expect(refusals).toEqual([]);
  expect(notes).toEqual([
    "chainfire: the snapshot would be taken from node02",
    "flaredb: the snapshot would be taken from node02",
  ]);
  expect(readdirSync(to)).toEqual([]);
});

test.each<[string, Partial<Judgement>, object]>([
  ["from a follower", {}, { from: "node02", leader: "node01" }],
  ["from the leader alone", { voters: ["node01"], healthyVoters: ["node01"] }, { from: "node01" }],
  ["never from a sick follower", { healthyVoters: ["node01", "node03"] }, { from: "node03" }],
  [
    "not where nobody answers",
    { verdict: "no-cluster", reasons: ["silence"] },
    { obstacle: "chainfire: no member answers (silence)" },
  ],
  [
    "not without a majority",
    { verdict: "no-quorum", leader: undefined, healthyVoters: ["node01"] },
    {
      obstacle:
        "chainfire: voters 3, healthy 1, needed 2: without a majority nobody knows what is committed",
    },
  ],
  [
    "not from two clusters",
    { disagreement: { kind: "two-clusters", detail: "two clusters: a, b" } },
    { obstacle: "chainfire: two clusters: a, b" },
  ],
])("a snapshot is taken %s", (_name, view, expected) => {
  expect(snapshotSource({ ...healthy, ...view })).toMatchObject(expected);
});

/** How far the members say that they are, the follower in one look after the other; the last one holds from then on. */
const progress = (leader: number | undefined, follower: (number | undefined)[]) => ({
  status: async (_layer: Layer, node: string) => {
    const told = follower.length > 1 ? follower.shift() : follower[0];
    return success(upTo(node === "node01" ? leader : told));
  },
});

async function copied(changes: Partial<ClusterAccess>) {
  const { rack, order } = living({}, changes);
  const { status, failure: why, steps } = await carryOut(rack, order);
  const kept = steps.find(({ id }) => id === "snapshot-chainfire")?.evidence["kept"];
  return { status, why: why?.reason, from: (kept as LayerBackup | undefined)?.from };
}

test.each<[string, number | undefined, (number | undefined)[], string]>([
  ["a follower that is behind the mark is waited for", 40, [38, 39, 40], "node02"],
  ["in place of a follower that stays behind the leader is copied", 40, [39], "node01"],
  [
    "in place of one that does not tell how far it is the leader is copied",
    40,
    [undefined],
    "node01",
  ],
  ["where the leader does not tell it is copied itself", undefined, [40], "node01"],
])("%s", async (_, leader, follower, from) => {
  expect(await copied(progress(leader, follower))).toMatchObject({ status: "done", from });
});

test("a snapshot that ends before the mark, whatever its member said, is no backup", async () => {
  expect(await copied(progress(41, [41]))).toMatchObject({
    ...{ status: "failed", from: undefined },
    why: "chainfire: node02 sent its data up to entry 40, and the backup's mark is entry 41",
  });
});

test("snapshots that break off again and again end it, and what is left is no backup", async () => {
  const { rack, to, order } = living({}, { snapshot: async () => failure("it broke off") });
  const { status, failure: why } = await carryOut(rack, order);
  expect([status, why?.reason]).toEqual(["failed", "chainfire: it broke off"]);
  const [folder = ""] = await listBackups(to);
  expect((await examineBackup(folder, signal)).faults).toEqual([
    `${folder} is no backup: it has no manifest.json, which is written last`,
  ]);
});

test("a snapshot that does not read back as it was written makes no backup", async () => {
  const { rack, to, order } = living(
    {},
    {
      snapshot: async (_layer, _node, file) => {
        writeFileSync(file, "rotten");
        return success({ bytes: 6, sha256: "a".repeat(64), term: 1, index: 40 });
      },
    },
  );
  const { failure: why } = await carryOut(rack, order);
  expect(why).toMatchObject({ stage: "manifest" });
  expect(why?.reason).toMatch(/does not read back: chainfire.snapshot is damaged/);
  expect(readdirSync((await listBackups(to))[0] ?? "")).not.toContain(manifestName);
});
