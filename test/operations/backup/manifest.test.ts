import { expect, test } from "vitest";
import type { Layer } from "../../../src/cluster/driver.ts";
import {
  type Found,
  fileFaults,
  folderName,
  type Manifest,
  newManifest,
  parseManifest,
  setFaults,
  siteFaults,
} from "../../../src/operations/backup/manifest.ts";

const sum = (letter: string) => letter.repeat(64);

const layer = (name: Layer, letter: string): Manifest["layers"][number] => ({
  ...{ layer: name, backup: "b1", file: `${name}.snapshot`, bytes: 100, sha256: sum(letter) },
  ...{ term: 3, index: 40, from: "node02", atMs: 5 },
  members: [{ id: "node01", raftAddress: "10.0.200.10:2380", role: "leader" }],
});

const good: Manifest = newManifest({
  ...{ id: "b1", cluster: "prod-cluster", madeBy: "rackstrap 0.1.0", atMs: 9 },
  layers: [layer("chainfire", "a"), layer("flaredb", "b")],
  files: [{ path: "inventory/site.yaml", bytes: 10, sha256: sum("c") }],
});

const site = { cluster: "prod-cluster", layers: ["chainfire", "flaredb"] } as const;

const wholeFiles: ReadonlyMap<string, Found> = new Map([
  ["chainfire.snapshot", { kind: "file", bytes: 100, sha256: sum("a") }],
  ["flaredb.snapshot", { kind: "file", bytes: 100, sha256: sum("b") }],
  ["inventory/site.yaml", { kind: "file", bytes: 10, sha256: sum("c") }],
]);

/** All that is said of a backup: of its manifest's text, the set, the site and the files. */
function faults(text: string, files = wholeFiles): readonly string[] {
  const manifest = parseManifest(text);
  if ("fault" in manifest) return [manifest.fault];
  return [...siteFaults(manifest, site), ...setFaults(manifest), ...fileFaults(manifest, files)];
}

const edited = (change: (manifest: ReturnType<typeof copy>) => void): string => {
  const manifest = copy();
  change(manifest);
  return JSON.stringify(manifest);
};

// Edited freely, as somebody would who puts a set together by hand.
const copy = () => JSON.parse(JSON.stringify(good));

const withFile = (path: string, found: Found) => new Map([...wholeFiles, [path, found]]);

test("a whole set of this site has nothing wrong with it", () => {
  expect(faults(JSON.stringify(good))).toEqual([]);
});

test.each<[string, string, RegExp]>([
  ["cut off", JSON.stringify(good).slice(0, -20), /is no JSON: it was cut off or edited/],
  ["empty", "", /is no JSON/],
  ["of a newer format", edited((m) => (m.format = 2)), /has the format 2, .* reads up to 1/],
  ["without a format", edited((m) => delete m.format), /manifest.json: format: /],
  ["without an id", edited((m) => delete m.id), /manifest.json: id: /],
  ["with more than it may say", edited((m) => (m.note = "x")), /Unrecognized key/],
  ["without layers", edited((m) => (m.layers = [])), /manifest.json: layers: /],
  ["with half a sum", edited((m) => (m.layers[0].sha256 = "ab")), /SHA-256 in hexadecimal/],
  ["with an empty snapshot", edited((m) => (m.layers[0].bytes = 0)), /layers\.0\.bytes/],
  ["with a negative index", edited((m) => (m.layers[1].index = -1)), /layers\.1\.index/],
  ["without members", edited((m) => (m.layers[0].members = [])), /layers\.0\.members/],
  ["with an unknown layer", edited((m) => (m.layers[0].layer = "consul")), /layers\.0\.layer/],
  [
    "that leads out of its folder",
    edited((m) => (m.layers[0].file = "../x")),
    /stay in the folder/,
  ],
  ["with an absolute path", edited((m) => (m.files[0].path = "/etc/passwd")), /stay in the folder/],
  [
    "of another cluster",
    edited((m) => (m.cluster = "test")),
    /of the cluster test, not of prod-cluster/,
  ],
  ["without a layer", edited((m) => m.layers.pop()), /has no flaredb, which the cluster has/],
  [
    "with a layer too many",
    edited((m) => m.layers.push({ ...layer("etcd", "d") })),
    /has etcd, which the inventory's cluster.layers has not/,
  ],
  [
    "with a layer of another backup",
    edited((m) => (m.layers[1].backup = "b0")),
    /mixed: flaredb is of the backup b0, and the manifest is of b1/,
  ],
  ["with a layer twice", edited((m) => m.layers.push(m.layers[0])), /chainfire is there twice/],
  [
    "with one file for two layers",
    edited((m) => (m.layers[1].file = "chainfire.snapshot")),
    /chainfire.snapshot is named twice/,
  ],
])("a manifest %s is refused", (_name, text, said) => {
  expect(faults(text).join("\n")).toMatch(said);
});

test.each<[string, ReadonlyMap<string, Found>, string]>([
  ["is missing", withFile("flaredb.snapshot", { kind: "missing" }), "flaredb.snapshot is missing"],
  [
    "can't be read",
    withFile("flaredb.snapshot", { kind: "unreadable", why: "it is no regular file" }),
    "flaredb.snapshot can't be read: it is no regular file",
  ],
  [
    "was cut off",
    withFile("flaredb.snapshot", { kind: "file", bytes: 99, sha256: sum("f") }),
    "flaredb.snapshot is damaged or of another backup: 99 bytes, not 100",
  ],
  [
    "has one octet changed",
    withFile("flaredb.snapshot", { kind: "file", bytes: 100, sha256: sum("f") }),
    `flaredb.snapshot is damaged or of another backup: its SHA-256 is ${sum("f")}, not ${sum("b")}`,
  ],
  [
    "is another layer's",
    withFile("flaredb.snapshot", { kind: "file", bytes: 100, sha256: sum("a") }),
    "the set is mixed: flaredb.snapshot holds the snapshot of chainfire",
  ],
  [
    "is the inventory, edited",
    withFile("inventory/site.yaml", { kind: "file", bytes: 10, sha256: sum("f") }),
    `inventory/site.yaml is damaged or of another backup: its SHA-256 is ${sum("f")}, not ${sum("c")}`,
  ],
])("a backup is refused of which a file %s", (_name, files, said) => {
  expect(faults(JSON.stringify(good), files)).toEqual([said]);
});

test("a file that was not read is judged by its size alone", () => {
  const unread = (bytes: number) =>
    withFile("flaredb.snapshot", { kind: "file", bytes, sha256: undefined });
  expect(faults(JSON.stringify(good), unread(100))).toEqual([]);
  expect(faults(JSON.stringify(good), unread(99))).toEqual([
    "flaredb.snapshot is damaged or of another backup: 99 bytes, not 100",
  ]);
});

test("a folder is called as the runbook calls it, in UTC", () => {
  expect(folderName(Date.UTC(2026, 1, 3, 4, 5, 6, 999))).toBe("cluster-20260203-040506");
});
