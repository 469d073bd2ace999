import { describe, expect, it } from "vitest";
import { clusterConfigFiles } from "../../src/generate/cluster-config-files.ts";
import type { ClusterState } from "../../src/generate/site.ts";
import { inventoryWith, type plainSite, siteWith } from "./site.ts";

/** What each node is told: `bootstrap`, or the name that it joins through. */
function told(
  cluster: ClusterState,
  change?: (file: ReturnType<typeof plainSite>) => void,
): Record<string, string> {
  const made = clusterConfigFiles(siteWith({ cluster, inventory: inventoryWith(change) }));
  if ("skipped" in made) return { skipped: made.skipped, next: made.next };
  const documents = made.flatMap(({ path, text }) =>
    path.endsWith(".json") ? [JSON.parse(text)] : [],
  );
  return Object.fromEntries(
    documents.map(({ node_id, bootstrap, leader_url }) => [
      node_id,
      bootstrap ? "bootstrap" : leader_url.replace(/^https:\/\/(\w+)\..*/, "$1"),
    ]),
  );
}

describe("cluster-config.json of every node", () => {
  it("tells one node alone to form a cluster that was never formed", () => {
    expect(told({ state: "unformed" })).toEqual({
      node01: "bootstrap",
      node02: "node01",
      node03: "node01",
      node04: "node01",
    });
  });

  it("tells the node that has the claim", () => {
    expect(told({ state: "unformed", founder: "node02.example.com" })).toMatchObject({
      node01: "node02",
      node02: "bootstrap",
    });
  });

  it("lets the first of cluster.peers form it", () => {
    const made = told({ state: "unformed" }, (file) => {
      file["cluster"] = { name: "prod-cluster", peers: ["node03"] };
    });
    expect(made).toEqual({
      node01: "node03",
      node02: "node03",
      node03: "bootstrap",
      node04: "node03",
    });
  });

  it("tells no node to form a cluster that exists, and none to join through itself", () => {
    expect(
      told({ state: "formed", through: ["node02.example.com", "node03.example.com"] }),
    ).toEqual({ node01: "node02", node02: "node03", node03: "node02", node04: "node02" });
  });

  it("joins the only member through itself, which forms nothing", () => {
    expect(told({ state: "formed", through: ["node01.example.com"] })).toMatchObject({
      node01: "node01",
    });
  });

  it("makes nothing while nobody can say whether the cluster exists", () => {
    expect(told({ state: "unknown", reason: "nobody answers", next: "look" })).toEqual({
      skipped: "nobody answers",
      next: "look",
    });
  });

  it("makes nothing where no node may form the cluster", () => {
    const made = told({ state: "unformed" }, (file) => {
      const profiles = file["profiles"] as Record<string, Record<string, unknown>>;
      for (const profile of Object.values(profiles)) profile["role"] = "worker";
    });
    expect(made["skipped"]).toBe("cluster prod-cluster does not exist, and no node may form it");
  });
});
