import { expect, test } from "vitest";
import type { LayerView } from "../../src/api/shapes.ts";
import { clusterLines, isWell } from "../../src/cli/cluster.ts";

const layer: LayerView = {
  ...{ layer: "chainfire", verdict: "healthy", leader: "node01" },
  ...{ voters: ["node01"], healthyVoters: ["node01"], reasons: [] },
  members: [{ id: "node01", role: "leader", status: "healthy", raftAddress: "10.0.200.10:2380" }],
};

test("a layer is shown with its members, and the cluster is well when all its layers are", () => {
  expect(clusterLines([layer])).toEqual([
    "chainfire: healthy, voters 1, healthy 1, leader node01",
    "MEMBER  ROLE    STATUS   RAFT ADDRESS",
    "node01  leader  healthy  10.0.200.10:2380",
  ]);
  expect(isWell([layer])).toBe(true);
  expect(isWell([layer, { ...layer, verdict: "degraded" }])).toBe(false);
  expect(isWell([])).toBe(false);
});

test("a stuck leader is shown with what to do, and the cluster is not well", () => {
  const stuck = { leader: "node01", sinceMs: 0, reason: "no answer", next: "run: this" };
  expect(clusterLines([{ ...layer, stuck }]).slice(-2)).toEqual([
    "- nothing is committed since 1970-01-01T00:00:00.000Z, and node01 leads: no answer",
    "  run: this",
  ]);
  expect(isWell([{ ...layer, stuck }])).toBe(false);
});
