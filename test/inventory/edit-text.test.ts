import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import {
  addNode,
  fileFor,
  isWritten,
  removeNode,
  removeValue,
  retireMac,
  setValue,
} from "../../src/inventory/edit.ts";
import { lineDiff } from "../../src/inventory/line-diff.ts";

const good = readFileSync(join(import.meta.dirname, "../fixtures/inventory/good.yaml"), "utf8");

const changes = (before: string, after: string) =>
  lineDiff(before, after).filter((line) => !line.startsWith(" "));

const commented = `# The site
site: example   # keep

nodes:

  # The first
  node01:
    mac: '52:54:00:12:34:56'  # on the sticker
    labels: {a: b}

  node02: # has a bad fan
    mac: "52:54:00:12:34:57"
    bmc:
      address: 10.0.10.51
      user: admin   # as delivered
    # loader: ipxe.efi

# All who left
retired:
  52:54:00:00:00:01: gone
`;

const entry = { mac: "52:54:00:12:34:58", bmc: { address: "10.0.10.52", user: "root" } };

test("a node is added at the end of the nodes, in the style of the last one, and nothing else changes", () => {
  expect(changes(commented, addNode(commented, "node03", entry))).toEqual([
    "+  node03:",
    "+    mac: 52:54:00:12:34:58",
    "+    bmc:",
    "+      address: 10.0.10.52",
    "+      user: root",
    "+",
  ]);
  expect(addNode(commented, "node03", entry)).toContain("    # loader: ipxe.efi\n\n  node03:\n");
});

test("maps that the neighbours have in braces get braces", () => {
  const text = "nodes:\n  a: { mac: x, bmc: { user: u } }\n";
  expect(addNode(text, "b", { mac: "y", bmc: { user: "v" } })).toBe(
    `${text}  b: { mac: y, bmc: { user: v } }\n`,
  );
  expect(changes(good, addNode(good, "node03", { ...entry, labels: { zone: "a" } }))).toEqual([
    ...["+  node03:", "+    mac: 52:54:00:12:34:58", "+    bmc:", "+      address: 10.0.10.52"],
    ...["+      user: root", "+    labels: { zone: a }"],
  ]);
});

test.each([
  ["no nodes at all", "site: example\n", "site: example\nnodes:\n  a:\n    mac: x\n"],
  [
    "a key without a value",
    "nodes: # none\nsite: x\n",
    "nodes: # none\n  a:\n    mac: x\nsite: x\n",
  ],
  ["empty braces", "nodes: {}\nsite: x\n", "nodes:\n  a:\n    mac: x\nsite: x\n"],
  ["empty braces with a comment", "nodes: {} # none\n", "nodes: # none\n  a:\n    mac: x\n"],
  [
    "no line break at the end",
    "nodes:\n  z:\n    mac: y",
    "nodes:\n  z:\n    mac: y\n  a:\n    mac: x\n",
  ],
  ["braces", "nodes: { z: { mac: y } } # c\n", "nodes: { z: { mac: y }, a: { mac: x } } # c\n"],
  [
    "braces over lines",
    "nodes: {\n  z: { mac: y },\n}\n",
    "nodes: {\n  z: { mac: y },\n  a: { mac: x },\n}\n",
  ],
  ["JSON", '{"nodes":{"z":{"mac":"y"}}}', '{"nodes":{"z":{"mac":"y"}, "a": {"mac":"x"}}}'],
  ["JSON without nodes", '{"site":"x"}', '{"site":"x", "nodes": {"a":{"mac":"x"}}}'],
  [
    "JSON over lines",
    '{\n  "nodes": {\n    "z": {\n      "mac": "y"\n    }\n  }\n}\n',
    '{\n  "nodes": {\n    "z": {\n      "mac": "y"\n    },\n    "a": {\n      "mac": "x"\n    }\n  }\n}\n',
  ],
  [
    "lines of another system",
    "nodes:\r\n  z:\r\n    mac: y\r\n",
    "nodes:\r\n  z:\r\n    mac: y\r\n  a:\r\n    mac: x\r\n",
  ],
  ["an empty file", "", "nodes:\n  a:\n    mac: x\n"],
  ["only a comment", "# site\n", "# site\nnodes:\n  a:\n    mac: x\n"],
])("a node is added to %s", (_what, before, after) => {
  expect(addNode(before, "a", { mac: "x" })).toBe(after);
});

test("a node is taken out with its comments, the last one leaves an empty map", () => {
  expect(changes(commented, removeNode(commented, "node02"))).toEqual([
    ...["-  node02: # has a bad fan", '-    mac: "52:54:00:12:34:57"', "-    bmc:"],
    ...["-      address: 10.0.10.51", "-      user: admin   # as delivered"],
    ...["-    # loader: ipxe.efi", "-"],
  ]);
  const none = removeNode(removeNode(commented, "node02"), "node01");
  expect(none).toContain("nodes: {}\n");
  expect(removeNode("nodes: { a: 1, b: 2, c: 3 }", "b")).toBe("nodes: { a: 1, c: 3 }");
  expect(removeNode("nodes: { a: 1, b: 2 }", "a")).toBe("nodes: { b: 2 }");
  expect(parse(removeNode('{"nodes":{"a":1}}', "a"))).toEqual({ nodes: {} });
});

test("adding a node and taking it out again is no change", () => {
  for (const text of [good, commented])
    expect(removeNode(addNode(text, "node99", entry), "node99")).toBe(text);
});

test("a value is replaced where it stands, with its quotes and its comment", () => {
  const change = (path: (string | number)[], value: unknown) =>
    changes(commented, setValue(commented, path, value));
  expect(change(["nodes", "node01", "mac"], "52:54:00:00:00:09")).toEqual([
    "-    mac: '52:54:00:12:34:56'  # on the sticker",
    "+    mac: '52:54:00:00:00:09'  # on the sticker",
  ]);
  expect(change(["site"], "other")).toEqual(["-site: example   # keep", "+site: other   # keep"]);
  expect(change(["nodes", "node01", "labels", "zone"], "c, d")).toEqual([
    "-    labels: {a: b}",
    '+    labels: {a: b, zone: "c, d"}',
  ]);
  expect(change(["nodes", "node02", "bmc", "port"], 624)).toEqual(["+      port: 624"]);
  expect(change(["nodes", "node02", "bmc"], { address: "10.0.10.9" })).toEqual([
    "-      address: 10.0.10.51",
    "-      user: admin   # as delivered",
    "+      address: 10.0.10.9",
  ]);
  expect(setValue("a:\nb: 1\n", ["a"], 5)).toBe("a: 5\nb: 1\n");
  expect(setValue("a: [1, 2]\n", ["a", 1], 5)).toBe("a: [1, 5]\n");
  expect(setValue("a: # why\nb: 1\n", ["a"], 5)).toBe("a: 5 # why\nb: 1\n");
});

test("a MAC is retired in the list of those that left, which is made when it is missing", () => {
  expect(changes(commented, retireMac(commented, "52:54:00:00:00:02", "node09, sold"))).toEqual([
    "+  52:54:00:00:00:02: node09, sold",
  ]);
  expect(changes(good, retireMac(good, "52:54:00:00:00:02", "node09"))).toEqual([
    "+retired:",
    "+  52:54:00:00:00:02: node09",
  ]);
});

test("what can't be changed alone is refused, and so is what is there or is not", () => {
  const aliased = "profiles: { a: &a { x: 1 } }\nnodes: { b: *a }\n";
  expect(() => setValue(aliased, ["nodes", "b", "x"], 2)).toThrow("by hand");
  expect(() => addNode(good, "node01", entry)).toThrow("node01 is in the inventory already");
  expect(() => removeNode(good, "node09")).toThrow("nodes.node09 is not in this file");
  expect(() => setValue(good, ["site", "x"], 1)).toThrow("site is no map of settings");
  expect(() => removeValue("a: [1]\n", ["a", 0])).toThrow("by hand");
  expect(() => isWritten("a: [", ["a"])).toThrow("not valid YAML");
});

test("of several files the one that has most of the path is changed", () => {
  const files = [
    { name: "site.yaml", text: "site: a\n" },
    { name: "one.yaml", text: "nodes:\n  node01: {}\n" },
    { name: "two.yaml", text: "nodes:\n  node02: { mac: x }\n" },
  ];
  expect(fileFor(files, ["nodes"])?.name).toBe("one.yaml");
  expect(fileFor(files, ["nodes", "node02"])?.name).toBe("two.yaml");
  expect(fileFor(files, ["retired"])?.name).toBe("site.yaml");
});
