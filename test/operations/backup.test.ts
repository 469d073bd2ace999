import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure, success } from "../../src/cluster/client.ts";
import type { Judgement } from "../../src/cluster/judge.ts";
import { examineBackup, listBackups } from "../../src/operations/backup/folder.ts";
import { manifestName, markerKey } from "../../src/operations/backup/manifest.ts";
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

test("a follower that is behind is waited for", async () => {
  let reads = 0;
  const { rack, order } = living(
    {},
    { getKey: async () => success(++reads < 4 ? "an older backup" : "id-1") },
  );
  expect(await carryOut(rack, order)).toMatchObject({ status: "done", id: "id-1" });
  expect(reads).toBe(5);
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
        return success({ bytes: 6, sha256: "a".repeat(64), term: 1, index: 1 });
      },
    },
  );
  const { failure: why } = await carryOut(rack, order);
  expect(why).toMatchObject({ stage: "manifest" });
  expect(why?.reason).toMatch(/does not read back: chainfire.snapshot is damaged/);
  expect(readdirSync((await listBackups(to))[0] ?? "")).not.toContain(manifestName);
});
