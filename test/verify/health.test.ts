import { expect, test } from "vitest";
import { judgeHealth } from "../../src/verify/health.ts";

const three = { members: 3 };
type Service = Parameters<typeof judgeHealth>[0];

test.each<[Service, object, string]>([
  ["chainfire", { raft: "leader", cluster_size: 3 }, "healthy, raft leader, cluster_size 3"],
  ["chainfire", { raft: "follower" }, "healthy, raft follower"],
  [
    "flaredb",
    { raft: "leader", chainfire: "connected" },
    "healthy, raft leader, chainfire connected",
  ],
  [
    "iam",
    { database: "connected", version: "1.0.0" },
    "healthy, database connected, version 1.0.0",
  ],
  ["plasmavmc", { vms_running: 4 }, "healthy, vms_running 4"],
  ["prismnet", { networks: 0 }, "healthy, networks 0"],
  ["fiberlb", { backends: 2 }, "healthy, backends 2"],
  ["flashdns", {}, "healthy"],
])("%s that says %j is well", (service, fields, shown) => {
  const body = { status: "healthy", ...fields, more: "is not judged" };
  expect(judgeHealth(service, 200, body, three)).toEqual({ shown, findings: [] });
});

test.each<[Service, number, unknown, "warning" | "error", string]>([
  [
    "chainfire",
    200,
    { status: "degraded", raft: "leader" },
    "error",
    'status is "degraded" in place of "healthy"',
  ],
  [
    "chainfire",
    200,
    { status: "healthy", raft: "none" },
    "error",
    'raft is "none" in place of "leader" or "follower"',
  ],
  ["chainfire", 200, { status: "healthy", raft: "learner" }, "warning", "raft is still a learner"],
  ["chainfire", 200, { status: "healthy" }, "error", "raft is missing"],
  [
    "chainfire",
    200,
    { status: "healthy", raft: "leader", cluster_size: 2 },
    "error",
    "cluster_size is 2 in place of 3, which its members list",
  ],
  ["flaredb", 200, { status: "healthy", raft: "leader" }, "error", "chainfire is missing"],
  [
    "flaredb",
    200,
    { status: "healthy", raft: "leader", chainfire: "lost" },
    "error",
    'chainfire is "lost" in place of "connected"',
  ],
  [
    "iam",
    200,
    { status: "healthy", database: false },
    "error",
    'database is false in place of "connected"',
  ],
  ["plasmavmc", 200, { status: "healthy" }, "warning", "vms_running is missing"],
  [
    "prismnet",
    200,
    { status: "healthy", networks: "2" },
    "warning",
    'networks is "2" in place of a number',
  ],
  [
    "fiberlb",
    200,
    { status: "healthy", backends: -1 },
    "warning",
    "backends is -1 in place of a number",
  ],
  ["flashdns", 200, {}, "error", "status is missing"],
  ["iam", 503, { status: "healthy", database: "connected" }, "error", "/health answers HTTP 503"],
  ["iam", 404, undefined, "error", "/health answers HTTP 404 without JSON"],
  ["iam", 200, ["healthy"], "error", "/health answers HTTP 200 without JSON"],
])("%s that answers HTTP %i %j is told by its field", (service, status, body, level, text) => {
  expect(judgeHealth(service, status, body, three).findings).toEqual([{ level, text }]);
});

test("a size of the cluster that nobody else tells is not judged", () => {
  const body = { status: "healthy", raft: "leader", cluster_size: 2 };
  expect(judgeHealth("chainfire", 200, body, { members: undefined }).findings).toEqual([]);
});

test("a value without end is cut", () => {
  const { findings } = judgeHealth("flashdns", 200, { status: "x".repeat(1000) }, three);
  expect(findings[0]?.text.length).toBeLessThan(120);
});
