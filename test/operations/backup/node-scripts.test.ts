// The scripts that nodes are given, in a real shell over a tree of their own, cut off before each line and run again.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  layAside,
  placeSnapshot,
  readSum,
  startUnits,
  takePiece,
  tellBootstrap,
} from "../../../src/operations/backup/node-scripts.ts";
import { temporaryDirectory } from "../../fakes/temporary-directory.ts";

const sumOf = (text: string) => createHash("sha256").update(text).digest("hex");
const layers = ["chainfire", "flaredb"] as const;

function machine() {
  const root = temporaryDirectory();
  for (const directory of ["bin", "etc/nixos/secrets", "var/lib"])
    mkdirSync(join(root, directory), { recursive: true });
  for (const layer of layers) {
    mkdirSync(join(root, "var/lib", layer), { mode: 0o710 });
    chmodSync(join(root, "var/lib", layer), 0o710);
    writeFileSync(join(root, "var/lib", layer, "wal"), `old ${layer}`);
  }
  writeFileSync(join(root, "etc/nixos/secrets/cluster-config.json"), "old config");
  // What was asked of systemd, and nothing else, is in its log.
  writeFileSync(join(root, "bin/systemctl"), `#!/bin/sh\necho "$@" >> ${root}/systemctl.log\n`);
  chmodSync(join(root, "bin/systemctl"), 0o755);
  const placed = (script: string) =>
    script
      .replaceAll("/var/lib/", `${root}/var/lib/`)
      .replaceAll("/etc/nixos", `${root}/etc/nixos`);
  const run = (script: string, input = "") => {
    // One that is cut off before it has read its input is judged by its exit code alone.
    const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", placed(script)], {
      ...{ input, encoding: "utf8" },
      env: { PATH: `${root}/bin:/usr/bin:/bin` },
    });
    if (status !== 0) throw new Error(stderr);
    return stdout;
  };
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const list = (path: string) => readdirSync(join(root, path)).toSorted();
  return { root, run, read, list };
}

/** What a node is given of one layer. */
function give({ run }: ReturnType<typeof machine>, layer: (typeof layers)[number], text: string) {
  run(takePiece(layer, true), text.slice(0, 4));
  run(takePiece(layer, false), text.slice(4));
  run(placeSnapshot(layer, sumOf(text)));
}

test("services are stopped in their order, the config is replaced, and all data is moved aside with its modes", () => {
  const { run, read, list, root } = machine();
  run(layAside(["iam", "flaredb", "chainfire"], layers, "op1"), "join config");
  expect(read("systemctl.log").split("\n")).toEqual([
    "stop chainfire-cluster-join.service",
    "stop flaredb-cluster-join.service",
    ...["stop iam.service", "stop flaredb.service", "stop chainfire.service", ""],
  ]);
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("join config");
  expect(list("var/lib")).toEqual([
    ...["chainfire", "chainfire.before-op1.0", "flaredb", "flaredb.before-op1.0"],
  ]);
  expect(read("var/lib/flaredb.before-op1.0/wal")).toBe("old flaredb");
  expect(list("var/lib/chainfire")).toEqual([]);
  expect(statSync(join(root, "var/lib/chainfire")).mode & 0o777).toBe(0o710);
});

test("what a service wrote after data was moved aside is moved as well, and nothing is overwritten", () => {
  const { run, read, root } = machine();
  const script = layAside([], ["chainfire"], "op1");
  run(script, "join");
  writeFileSync(join(root, "var/lib/chainfire/wal"), "newer");
  run(script, "join");
  run(script, "join");
  expect(read("var/lib/chainfire.before-op1.0/wal")).toBe("old chainfire");
  expect(read("var/lib/chainfire.before-op1.1/wal")).toBe("newer");
  expect(existsSync(join(root, "var/lib/chainfire.before-op1.2"))).toBe(false);
});

/** Where a script may be cut off and still be one: outside of its blocks, and in them before each command. */
function cutsOf(script: string): number[] {
  const lines = script.split("\n");
  return lines.flatMap((line, index) => (/^(if|fi|done|while)\b/.test(line) ? [] : [index]));
}

function cutOff(script: string, cut: number): string {
  const begun = script.split("\n").slice(0, cut);
  const open = begun.filter((line) => /^if .*then$/.test(line)).length;
  const closed = begun.filter((line) => line === "fi").length;
  return [...begun, "exit 0", ...(open > closed ? ["fi"] : [])].join("\n");
}

const asiding = layAside(["chainfire"], layers, "op1");

test.each(cutsOf(asiding))("cut off before line %i and run again, it has done the same", (cut) => {
  const { run, read, list } = machine();
  run(cutOff(asiding, cut), "join config");
  run(asiding, "join config");
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("join config");
  expect(list("var/lib")).toEqual([
    ...["chainfire", "chainfire.before-op1.0", "flaredb", "flaredb.before-op1.0"],
  ]);
  expect([...list("var/lib/chainfire"), ...list("var/lib/flaredb")]).toEqual([]);
});

test("a snapshot in pieces is put in its place when its sum is right, its owner's alone", () => {
  const node = machine();
  node.run(layAside([], layers, "op1"), "join");
  expect(node.run(readSum("chainfire"))).toBe("");
  give(node, "chainfire", "a snapshot");
  expect(node.run(readSum("chainfire")).trim()).toBe(sumOf("a snapshot"));
  expect(node.list("var/lib/chainfire")).toEqual(["restore.snapshot"]);
  const file = join(node.root, "var/lib/chainfire/restore.snapshot");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a snapshot that arrived damaged is not put in its place", () => {
  const { run, list } = machine();
  run(layAside([], layers, "op1"), "join");
  run(takePiece("chainfire", true), "a snapshot");
  expect(() => run(placeSnapshot("chainfire", sumOf("another")))).toThrow(/arrived damaged/);
  expect(list("var/lib/chainfire")).toEqual(["restore.snapshot.part"]);
});

const snapshots = layers.map((layer) => ({ layer, sha256: sumOf(`snapshot of ${layer}`) }));
const telling = tellBootstrap("bootstrap config", ["iam", "flaredb"], snapshots, "op1");

/** A node that was told to join, with its data aside and each snapshot in its place. */
function awaiting() {
  const node = machine();
  node.run(layAside([], layers, "op1"), "join config");
  for (const layer of layers) give(node, layer, `snapshot of ${layer}`);
  rmSync(join(node.root, "systemctl.log"));
  return { ...node, tell: () => node.run(telling, "bootstrap config") };
}

test("a node is told to form the cluster with all snapshots in their place, and may be told again", () => {
  const { root, tell, read } = awaiting();
  const file = join(root, "var/lib/flaredb/restore.snapshot");
  writeFileSync(file, "another");
  expect(tell).toThrow(/flaredb.restore.snapshot is not the snapshot of the backup/);
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("join config");
  writeFileSync(file, "snapshot of flaredb");
  tell();
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("bootstrap config");
  // Its services have begun, and used the snapshot up.
  rmSync(file);
  writeFileSync(join(root, "var/lib/flaredb/wal"), "restored");
  rmSync(join(root, "systemctl.log"));
  expect(tell().trim()).toBe("told");
  expect(read("var/lib/flaredb/wal")).toBe("restored");
  expect(existsSync(join(root, "systemctl.log"))).toBe(false);
});

/** As services that a restart of the machine started, and which wait to be added. */
function writeAsWaiting(root: string) {
  writeFileSync(join(root, "var/lib/flaredb/.lock"), "waiting");
  mkdirSync(join(root, "var/lib/flaredb/a directory"));
  writeFileSync(join(root, "var/lib/flaredb/a directory/file"), "somebody's");
}

test("services that wait to be added are stopped before the node is told, and what they wrote is moved beside the old data", () => {
  const { root, tell, read, list } = awaiting();
  writeAsWaiting(root);
  tell();
  expect(read("systemctl.log").split("\n")).toEqual([
    ...layers.map((layer) => `stop ${layer}-cluster-join.service`),
    ...["stop iam.service", "stop flaredb.service", ""],
  ]);
  expect(list("var/lib/flaredb")).toEqual(["restore.snapshot"]);
  expect(read("var/lib/flaredb.before-op1.0/wal")).toBe("old flaredb");
  expect(list("var/lib/flaredb.before-op1.1")).toEqual([".lock", "a directory"]);
  expect(read("var/lib/flaredb.before-op1.1/a directory/file")).toBe("somebody's");
  expect(statSync(join(root, "var/lib/flaredb.before-op1.1")).mode & 0o777).toBe(0o710);
  expect(list("var/lib")).not.toContain("chainfire.before-op1.1");
});

test("data beside another snapshot than the backup's stays where it is", () => {
  const { root, tell, list } = awaiting();
  writeAsWaiting(root);
  writeFileSync(join(root, "var/lib/flaredb/restore.snapshot"), "another");
  expect(tell).toThrow(/is not the snapshot of the backup/);
  expect(list("var/lib/flaredb")).toEqual([".lock", "a directory", "restore.snapshot"]);
});

test.each(cutsOf(telling))(
  "a telling cut off before line %i and done again loses nothing",
  (cut) => {
    const { root, run, tell, read, list } = awaiting();
    writeAsWaiting(root);
    run(cutOff(telling, cut), "bootstrap config");
    tell();
    expect(read("etc/nixos/secrets/cluster-config.json")).toBe("bootstrap config");
    expect(list("var/lib/flaredb")).toEqual(["restore.snapshot"]);
    const aside = list("var/lib").filter((name) => name.startsWith("flaredb.before-op1."));
    expect(aside.flatMap((name) => list(join("var/lib", name))).toSorted()).toEqual([
      ...[".lock", "a directory", "wal"],
    ]);
  },
);

test("units are started in their order", () => {
  const { run, read } = machine();
  run(startUnits(["chainfire", "flaredb"]));
  expect(read("systemctl.log")).toBe("start chainfire.service\nstart flaredb.service\n");
});
