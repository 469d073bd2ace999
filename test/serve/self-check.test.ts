import { expect, test } from "vitest";
import { missingAssets } from "../../src/serve/self-check.ts";
import { exampleInventory } from "../fakes/rack.ts";

const inventory = exampleInventory();
const [node01, node02] = inventory.nodes;
if (node01 === undefined || node02 === undefined) throw new Error("the example site has two nodes");
const nothing = { root: "/assets", loaders: new Map(), sets: new Map(), problems: [] };

const missingLoaders = (nodes: Parameters<typeof missingAssets>[2]) =>
  missingAssets(inventory, nothing, nodes).filter((problem) => problem.startsWith("loader"));

test("a node's own loader is asked for, once, beside those of every site", () => {
  const own = { ...node01, loader: "snponly.efi" };
  expect(missingLoaders([own, { ...node02, loader: "snponly.efi" }])).toEqual([
    "loader undionly.kpxe is missing: copy it to /assets/undionly.kpxe",
    "loader ipxe.efi is missing: copy it to /assets/ipxe.efi",
    "loader snponly.efi is missing: copy it to /assets/snponly.efi",
  ]);
  expect(missingLoaders([node01])).toHaveLength(2);
});
