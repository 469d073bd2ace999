// Machines into an inventory that is there already: everything else of the file stays as it is.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import type { NodeEntry } from "../../../src/inventory/import/carry-nodes.ts";
import { insertionDiff, mergeInto } from "../../../src/inventory/import/into.ts";
import { parseInventory } from "../../../src/inventory/load.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import type { Mac } from "../../../src/net/mac.ts";
import { malformed, mustRead } from "./read.ts";

const site = readFileSync(join(import.meta.dirname, "../../../inventory/site.yaml"), "utf8");
const node = (mac: string, more: Partial<NodeEntry> = {}): NodeEntry => ({
  mac: mac as Mac,
  ...more,
});
const merge = (text: string, nodes: Readonly<Record<string, NodeEntry>>) =>
  mergeInto(text, "site.yaml", new Map(Object.entries(nodes)));
const fresh = node("52:54:00:12:34:60", {
  profile: "worker",
  firmware: "uefi",
  provisioningAddress: "10.0.100.81" as Ipv4,
  productionAddress: "10.0.200.21" as Ipv4,
  disk: "/dev/sda",
  serial: "12345678",
  bmc: { address: "10.0.10.60" as Ipv4, user: "admin", passwordVariable: "BMC_PASSWORD" },
});

test("a new machine stands behind the last one, nothing else is touched, and the file is accepted", () => {
  const { text, insertions, added, notes } = mustRead(merge(site, { node05: fresh }));
  expect({ added, notes }).toEqual({ added: ["node05"], notes: [] });
  const lines = insertions.flatMap((one) => one.lines);
  expect(text.startsWith(site)).toBe(true);
  expect(text.slice(site.length)).toBe(`${lines.join("\n")}\n`);
  const loaded = parseInventory(text, "site.yaml");
  expect(loaded).not.toHaveProperty("problems");
  expect("inventory" in loaded && loaded.inventory.nodes.at(-1)).toMatchObject({
    name: "node05",
    serial: "12345678",
  });
});

test("a machine that is there is given what it lacks, and a new one follows the last", () => {
  const text = site.replace("    rack: r1\n    position: 14\n", "");
  const known = node("52:54:00:12:34:59", { serial: "CZ4", rack: "r2" });
  const merged = mustRead(merge(text, { other: known, node05: fresh }));
  expect(merged.completed).toEqual(["node04"]);
  expect(merged.text.slice(merged.text.indexOf("  node04:"))).toMatch(
    /^ {2}node04:\n(?: {4}.*\n)+ {4}serial: CZ4\n {4}rack: r2\n {2}node05:\n {4}mac: /,
  );
  const undone = merged.insertions.reduce(
    (left, { lines }) => left.replace(`${lines.join("\n")}\n`, ""),
    merged.text,
  );
  expect(undone).toBe(text);
});

test("comments, blank lines and what follows the nodes stay where they are", () => {
  const text = `# top\nprofiles:\n  worker: { role: worker }\nnodes: # all of them\n   # first\n   a: # the a\n      mac: 52:54:00:00:00:01 # its\n\n   # between\n   b:\n      mac: 52:54:00:00:00:02\n      bmc:\n         user: x # last\n\n# about retired\nretired:\n   52:54:00:00:00:09: broken\n`;
  const merged = mustRead(
    merge(text, { x: node("52:54:00:00:00:01", { rack: "r1" }), c: node("52:54:00:00:00:03") }),
  );
  expect(merged.text).toContain(
    "      mac: 52:54:00:00:00:01 # its\n      rack: r1\n\n   # between\n",
  );
  expect(merged.text).toContain("         user: x # last\n   c:\n     mac: 52:54:00:00:00:03\n");
  expect(merged.text).toMatch(/\n\n# about retired\nretired:\n {3}52:54:00:00:00:09: broken\n$/);
  expect(insertionDiff(text, merged.insertions).slice(0, 5)).toEqual([
    "@@ line 7 @@",
    "    a: # the a",
    "       mac: 52:54:00:00:00:01 # its",
    "+      rack: r1",
    "@@ line 13 @@",
  ]);
});

describe("what the file says counts", () => {
  const text =
    "profiles:\n  worker: { role: worker }\nnodes:\n  a:\n    mac: 52-54-00-00-00-01\n    serial: AB1\n  b: { mac: 52:54:00:00:00:02 }\nretired: { 52:54:00:00:00:03: old }\n";
  it.each<[string, string, NodeEntry, RegExp]>([
    [
      "a serial number that differs",
      "a",
      node("52:54:00:00:00:01", { serial: "AB2" }),
      /^4 node a: serial AB2: the file says AB1, which stays/,
    ],
    [
      "a name that is taken",
      "a",
      node("52:54:00:00:00:05"),
      /^4 node a: the file has a node of this name with another mac/,
    ],
    ["a retired MAC", "c", node("52:54:00:00:00:03"), /is retired in this file/],
    [
      "a node on one line",
      "b",
      node("52:54:00:00:00:02", { serial: "AB2" }),
      /^7 node b: it stands on one line; add by hand: serial: AB2/,
    ],
    [
      "a profile that is not declared",
      "d",
      node("52:54:00:00:00:06", { profile: "gpu" }),
      /profile gpu: the file has no such profile/,
    ],
  ])("%s is noted", (_, name, entry, expected) => {
    const { notes } = mustRead(merge(text, { [name]: entry }));
    expect(notes.map(({ place, what, instead }) => `${place.line} ${what}: ${instead}`)).toEqual([
      expect.stringMatching(expected),
    ]);
  });

  test("a machine that is there with all of it changes nothing", () => {
    const { insertions, text: same } = mustRead(
      merge(text, { x: node("52:54:00:00:00:01", { serial: "AB1" }) }),
    );
    expect({ insertions, same }).toEqual({ insertions: [], same: text });
  });
});

it.each<[string, string]>([
  ["no nodes yet", "site: x\n"],
  ["an empty nodes:", "site: x\nnodes: # none\nretired: {}\n"],
  ["a last line without its end", "nodes:\n  a:\n    mac: 52:54:00:00:00:01"],
  ["line ends of two characters", "nodes:\r\n  a:\r\n    mac: 52:54:00:00:00:01\r\nsite: x\r\n"],
])("a file with %s takes a node", (_, text) => {
  const merged = mustRead(merge(text, { n: node("52:54:00:00:00:07") }));
  expect(merged.text).toMatch(
    /(?:^|\n)nodes:.*\r?\n(?:.*\r?\n)*? {2}n:\r?\n {4}mac: 52:54:00:00:00:07\r?\n/,
  );
});

it.each<[string, string, RegExp]>([
  ["no YAML", "a: [", /^site\.yaml:1:1: it is not valid YAML/],
  ["JSON", '{"nodes": {}}', /add the nodes by hand/],
  [
    "nodes on one line",
    "nodes: { a: { mac: 52:54:00:00:00:01 } }\n",
    /site\.yaml:1:1: its nodes are not one on a line/,
  ],
  ["an empty map", "a: 1\nnodes: {}\n", /site\.yaml:2:1: take the \{\} behind nodes: away/],
  ["nodes in another file", "nodes: ~\n", /can't be written into it line by line/],
  ["a list", "- a\n", /not one on a line/],
])("a file of %s is refused", (_, text, expected) => {
  expect(malformed(merge(text, { n: node("52:54:00:00:00:07") }))).toMatch(expected);
});
