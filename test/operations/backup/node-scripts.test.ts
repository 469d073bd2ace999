// The scripts that nodes are given, in a real shell over a tree of their own, cut off before each line and run again.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
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

const lines = layAside(["chainfire"], layers, "op1").split("\n");
// Where the script may be cut off and still be one: outside of its blocks, and in them before each command.
const cuts = lines.flatMap((line, index) => (/^(if|fi|done|while)\b/.test(line) ? [] : [index]));

test.each(cuts)("cut off before line %i and run again, it has done the same", (cut) => {
  const { run, read, list } = machine();
  const open = lines.slice(0, cut).filter((line) => /^if .*then$/.test(line)).length;
  const closed = lines.slice(0, cut).filter((line) => line === "fi").length;
  const begun = [...lines.slice(0, cut), "exit 0", ...(open > closed ? ["fi"] : [])].join("\n");
  run(begun, "join config");
  run(lines.join("\n"), "join config");
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

test("a node is told to form the cluster with all snapshots in their place and no other data, and may be told again", () => {
  const node = machine();
  const { run, read, root } = node;
  const snapshots = layers.map((layer) => ({ layer, sha256: sumOf(`snapshot of ${layer}`) }));
  const tell = () => run(tellBootstrap("bootstrap config", snapshots), "bootstrap config");
  run(layAside([], layers, "op1"), "join config");
  give(node, "chainfire", "snapshot of chainfire");
  expect(tell).toThrow(/flaredb.restore.snapshot is not the snapshot of the backup/);
  give(node, "flaredb", "snapshot of flaredb");
  writeFileSync(join(root, "var/lib/flaredb/wal"), "somebody's");
  expect(tell).toThrow(/holds more than the snapshot/);
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("join config");
  run(layAside([], layers, "op1"), "join config");
  give(node, "flaredb", "snapshot of flaredb");
  tell();
  expect(read("etc/nixos/secrets/cluster-config.json")).toBe("bootstrap config");
  // Its services have begun, and used the snapshot up.
  writeFileSync(join(root, "var/lib/flaredb/wal"), "restored");
  expect(tell().trim()).toBe("told");
});

test("units are started in their order", () => {
  const { run, read } = machine();
  run(startUnits(["chainfire", "flaredb"]));
  expect(read("systemctl.log")).toBe("start chainfire.service\nstart flaredb.service\n");
});
