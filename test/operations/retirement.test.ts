import { describe, expect, test } from "vitest";
import type { InventoryTexts } from "../../src/inventory/files.ts";
import { retirementDiff, retirementEdits } from "../../src/operations/retirement.ts";

const leaving = { name: "b", mac: "52:54:00:00:00:0b", was: "b, worker" };
const nobody = { cluster: { name: "x", layers: ["chainfire"] as const } };
const peers = { cluster: { ...nobody.cluster, peers: ["a", "b"] } };
type Site = Parameters<typeof retirementEdits>[2];

function edits(files: Readonly<Record<string, string>>, site: object = nobody) {
  const texts: InventoryTexts = new Map(
    Object.entries(files).map(([file, text]) => [file, { text }]),
  );
  return retirementEdits(texts, leaving, site as Site);
}

describe("a node that leaves", () => {
  test("is one change where one file has all", () => {
    const site = "# Ours.\nnodes:\n  a: { mac: 1 } # stays\n  b: { mac: 2 }\n  c: { mac: 3 }\n";
    const [edit, ...others] = edits({ "site.yaml": site });
    expect(others).toEqual([]);
    expect(edit?.after).toBe(
      "# Ours.\nnodes:\n  a: { mac: 1 } # stays\n  c: { mac: 3 }\nretired:\n  52:54:00:00:00:0b: b, worker\n",
    );
  });

  test("is no peer any more before its entry goes, and is retired when that has gone", () => {
    const files = {
      "site.yaml": "cluster: { peers: [a, b] }\nretired: {}\n",
      "nodes/b.yaml": "nodes:\n  b: { mac: 2 }\n",
    };
    expect(edits(files, peers).map(({ file }) => file)).toEqual([
      "site.yaml",
      "nodes/b.yaml",
      "site.yaml",
    ]);
    const diff = retirementDiff(edits(files, peers));
    expect(diff.filter((line) => line.startsWith("+++"))).toEqual([
      "+++ site.yaml",
      "+++ nodes/b.yaml",
    ]);
  });

  test.each([
    ["retired already", "nodes:\n  a: {}\nretired:\n  52:54:00:00:00:0b: gone\n", []],
    [
      "out of the nodes already",
      "nodes:\n  a: {}\n",
      ["+retired:", "+  52:54:00:00:00:0b: b, worker"],
    ],
  ])("that is %s gets what is left to do", (_what, text, added) => {
    const diff = retirementDiff(edits({ "site.yaml": text }));
    expect(diff.filter((line) => /^\+(?!\+\+)/.test(line))).toEqual(added);
  });

  test("is refused with the file's name where its entry is an alias", () => {
    const text =
      "profiles: { x: &x { mac: 2 } }\nnodes:\n  a: &a { mac: 1 }\n  b: &b { mac: 2 }\n  c: *b\n";
    expect(() => edits({ "site.yaml": text })).toThrow(/^site\.yaml: /);
  });
});
