import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { newManifest } from "../../src/operations/backup/manifest.ts";
import { openInventory } from "../../src/serve/inventory-reload.ts";
import { programVersion, siteFiles } from "../../src/serve/site-files.ts";

test("the inventory as it is written and what is generated from it are kept, the nodes' cluster-config.json is not", () => {
  const reload = openInventory("inventory/site.yaml", () => 1);
  const files = siteFiles(reload, "/no/such/key.pub", 1_700_000_000_000);
  const paths = files.map(({ path }) => path);
  expect(files[0]).toEqual({
    path: "inventory/site.yaml",
    text: readFileSync("inventory/site.yaml", "utf8"),
  });
  expect(paths).toContain("generated/inventory.json");
  expect(paths.filter((path) => path.includes("cluster-config"))).toEqual([]);
  // Every path is one that a manifest may have.
  const sha256 = createHash("sha256").update("").digest("hex");
  const layer = { layer: "etcd", backup: "b", file: "etcd.snapshot", bytes: 1, sha256 } as const;
  const members = [{ id: "node01", raftAddress: "10.0.0.1:2380", role: "leader" }];
  newManifest({
    ...{ id: "b", cluster: "c", madeBy: programVersion(), atMs: 1 },
    layers: [{ ...layer, term: 1, index: 1, from: "node01", atMs: 1, members }],
    files: files.map(({ path }) => ({ path, bytes: 0, sha256 })),
  });
});

test("the program names its version", () => {
  expect(programVersion()).toMatch(/^rackstrap \d+\.\d+\.\d+/);
});
