import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Mac } from "../../src/net/mac.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { createClusterStore } from "../../src/store/operations.ts";
import { someFacts } from "../fakes/machine-facts.ts";

const mac = "52:54:00:12:34:56" as Mac;
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rackstrap-store-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const disks = [{ device: "/dev/sda", sizeBytes: 480, serial: "A" }];

function armedStore(nowMs = 1000) {
  const database = openDatabase(":memory:");
  const nodes = createNodeStore(database, () => nowMs);
  nodes.arm({
    id: "intent-1",
    node: "node01",
    mac,
    disk: "/dev/sda",
    operation: "op-1",
    armedAtMs: nowMs,
    expiresAtMs: nowMs + 100,
  });
  nodes.resolve("intent-1", disks, nowMs);
  return { database, nodes };
}

test("a node that was never touched is registered", () => {
  const nodes = createNodeStore(openDatabase(":memory:"), () => 1);
  expect(nodes.node("node01").state).toBe("registered");
});

test("an intent is used once: the second use and every later one are refused", () => {
  const { nodes } = armedStore();
  expect(nodes.consume("intent-1", disks, 1050, { disk: "/dev/sda" })).toBe(true);
  expect(nodes.consume("intent-1", disks, 1051, {})).toBe(false);
  expect(nodes.node("node01").state).toBe("installing");
  expect(nodes.intent("node01")?.consumedAtMs).toBe(1050);
  expect(nodes.events({ node: "node01", limit: 10 }).map((event) => event.kind)).toEqual([
    "install-armed",
    "wipe-started",
  ]);
});

test("an intent that was replaced by a newer one is refused, and the newer one still holds", () => {
  const { nodes } = armedStore();
  nodes.transition("node01", "install-cancelled", {});
  const renewed = { node: "node01", mac, disk: "/dev/sda", operation: "op-2" };
  nodes.arm({ ...renewed, id: "intent-2", armedAtMs: 1000, expiresAtMs: 1100 });
  expect(nodes.resolve("intent-1", disks, 1050)).toBe(false);
  expect(nodes.resolve("intent-2", disks, 1050)).toBe(true);
  expect(nodes.consume("intent-1", disks, 1050, {})).toBe(false);
  expect(nodes.node("node01").state).toBe("armed");
  expect(nodes.consume("intent-2", disks, 1050, {})).toBe(true);
});

test("the intent of a node that is no longer armed is refused", () => {
  const { nodes } = armedStore();
  nodes.transition("node01", "install-cancelled", {});
  expect(nodes.consume("intent-1", disks, 1050, {})).toBe(false);
  expect(nodes.node("node01").state).toBe("registered");
});

test("a database that another server has open is refused with what to do", () => {
  const file = join(folder, "shared.db");
  const first = openDatabase(file);
  expect(() => openDatabase(file)).toThrow(/in use by another server: stop that one/);
  first.close();
});

const other = [{ device: "/dev/sda", sizeBytes: 480, serial: "B" }];

test.each<[string, (nodes: ReturnType<typeof armedStore>["nodes"]) => boolean]>([
  [
    "another disk than the one it is bound to",
    (nodes) => nodes.consume("intent-1", other, 1050, {}),
  ],
  ["no disk", (nodes) => nodes.consume("intent-1", [], 1050, {})],
  ["a second disk besides", (nodes) => nodes.consume("intent-1", [...disks, ...other], 1050, {})],
  ["an intent that nobody gave", (nodes) => nodes.consume("intent-2", disks, 1050, {})],
  ["binding it to another disk", (nodes) => nodes.resolve("intent-1", other, 1050)],
  ["binding it once it ran out", (nodes) => nodes.resolve("intent-1", disks, 1100)],
])("refused, and the node stays armed: %s", (_name, attempt) => {
  const { nodes } = armedStore();
  expect(attempt(nodes)).toBe(false);
  expect(nodes.node("node01").state).toBe("armed");
  expect(nodes.intent("node01")?.resolved).toEqual(disks);
  expect(nodes.lastInstall("node01")).toBeUndefined();
});

test("an intent that is bound to no disk allows nothing", () => {
  const { nodes } = armedStore();
  nodes.transition("node01", "install-cancelled", {});
  const renewed = { node: "node01", mac, disk: "/dev/sda", operation: "op-2" };
  nodes.arm({ ...renewed, id: "intent-2", armedAtMs: 1000, expiresAtMs: 1100 });
  expect(nodes.intent("node01")?.resolved).toBeUndefined();
  expect(nodes.consume("intent-2", disks, 1050, {})).toBe(false);
  expect(nodes.consume("intent-2", [], 1050, {})).toBe(false);
  expect(nodes.node("node01").state).toBe("armed");
});

test("the disk of an install is noted with the use of its permission, and the last word of a machine is kept", () => {
  const { nodes } = armedStore();
  nodes.consume("intent-1", disks, 1050, {});
  expect(nodes.lastInstall("node01")).toEqual({ atMs: 1050, mac, selector: "/dev/sda", disks });
  expect(nodes.lastInstall("node02")).toBeUndefined();
  const machine = (atMs: number, serial: string) => ({
    atMs,
    mac,
    facts: someFacts(mac, { serial }),
  });
  nodes.learn("node01", machine(1, "A"));
  nodes.learn("node01", machine(2, "B"));
  expect(nodes.machine("node01")).toMatchObject({ atMs: 2, mac, facts: { serial: "B" } });
  expect(nodes.lastInstall("node01")?.atMs).toBe(1050);
});

test("what is on the disk of a node that was decommissioned is not known to be ours any more", () => {
  const { nodes } = armedStore();
  nodes.consume("intent-1", disks, 1050, {});
  for (const event of ["operation-failed", "member-removed", "decommissioned"] as const)
    nodes.transition("node01", event, {});
  expect(nodes.node("node01").state).toBe("retired");
  expect(nodes.lastInstall("node01")).toBeUndefined();
  expect(nodes.wasInstalled("node01")).toBe(true);
});

test("an expired intent is refused and the node stays armed", () => {
  const { nodes } = armedStore();
  expect(nodes.consume("intent-1", disks, 1100, {})).toBe(false);
  expect(nodes.node("node01").state).toBe("armed");
});

test("a forbidden move changes neither the state nor the events", () => {
  const { nodes } = armedStore();
  expect(() => nodes.transition("node01", "health-soaked", {})).toThrow(
    "node node01 is armed: health-soaked is no move from there",
  );
  expect(nodes.node("node01").state).toBe("armed");
  expect(nodes.events({ node: "node01", limit: 10 })).toHaveLength(1);
});

test("a transition inside a transaction that fails leaves nothing behind", () => {
  const { database, nodes } = armedStore();
  expect(() =>
    database.transaction(() => {
      nodes.transition("node01", "operation-failed", {});
      throw new Error("power cut");
    })(),
  ).toThrow("power cut");
  expect(nodes.node("node01").state).toBe("armed");
});

test("events are read forwards after an id and the newest without one", () => {
  const nodes = createNodeStore(openDatabase(":memory:"), () => 5);
  for (const kind of ["a", "b", "c"]) nodes.append({ node: "n", mac, kind, detail: {} });
  expect(nodes.events({ afterId: 1, limit: 1 }).map((event) => event.kind)).toEqual(["b"]);
  expect(nodes.events({ limit: 2 }).map((event) => event.kind)).toEqual(["b", "c"]);
  expect(nodes.events({ mac, limit: 5 })).toHaveLength(3);
});

test("later sightings of an unknown machine are merged into one row", () => {
  let nowMs = 10;
  const nodes = createNodeStore(openDatabase(":memory:"), () => nowMs);
  nodes.discover(mac, "10.0.100.100", { arch: "0" });
  nowMs = 20;
  nodes.discover(mac, undefined, { vendor: "PXEClient" });
  expect(nodes.discovered()).toEqual([
    {
      mac,
      firstSeenMs: 10,
      lastSeenMs: 20,
      address: "10.0.100.100",
      facts: { arch: "0", vendor: "PXEClient" },
      report: undefined,
      waitingMs: undefined,
    },
  ]);
});

test("the bootstrap claim goes to the first who asks and stays there", () => {
  const clusters = createClusterStore(openDatabase(":memory:"), () => 7);
  expect(clusters.claimBootstrap("prod", "node01").node).toBe("node01");
  expect(clusters.claimBootstrap("prod", "node02").node).toBe("node01");
  clusters.markInitialised("prod");
  expect(clusters.claim("prod")).toEqual({
    cluster: "prod",
    node: "node01",
    claimedAtMs: 7,
    initialisedAtMs: 7,
  });
});

test("a lost cluster is formed anew by one node, whoever formed it before", () => {
  const clusters = createClusterStore(openDatabase(":memory:"), () => 7);
  clusters.claimBootstrap("prod", "node01");
  clusters.markInitialised("prod");
  clusters.formAnew("prod", "node02");
  const expected = { node: "node02", initialisedAtMs: undefined };
  expect(clusters.claim("prod")).toMatchObject(expected);
  expect(clusters.claimBootstrap("prod", "node03")).toMatchObject(expected);
  clusters.markFormedBy("prod", "node02");
  expect(clusters.claim("prod")).toMatchObject({ node: "node02", initialisedAtMs: 7 });
  clusters.formAnew("never seen", "node01");
  expect(clusters.claim("never seen")).toMatchObject({ node: "node01" });
});

test("a cluster found alive counts as formed though nobody claimed it", () => {
  const clusters = createClusterStore(openDatabase(":memory:"), () => 7);
  clusters.markInitialised("prod");
  expect(clusters.claim("prod")).toMatchObject({ node: undefined, initialisedAtMs: 7 });
});

test("what was committed is there after the file is opened again, and only its owner can read it", () => {
  const file = join(folder, "state", "rackstrap.db");
  const first = openDatabase(file);
  createNodeStore(first, () => 1).append({ node: "n", mac: undefined, kind: "a", detail: {} });
  first.close();
  const second = openDatabase(file);
  expect(createNodeStore(second, () => 2).events({ limit: 9 })).toHaveLength(1);
  expect(String(second.pragma("journal_mode", { simple: true }))).toBe("wal");
  expect(Number(second.pragma("synchronous", { simple: true }))).toBe(2);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  second.close();
});

test("a damaged file is refused with its name and what to do", () => {
  const file = join(folder, "damaged.db");
  writeFileSync(file, "this is no database, but it is long enough to be looked at".repeat(40));
  expect(() => openDatabase(file)).toThrow(/damaged\.db is damaged .* restore a backup/);
});

test("a database of a newer version is refused", () => {
  const file = join(folder, "newer.db");
  const newer = new Database(file);
  newer.pragma("user_version = 99");
  newer.close();
  expect(() => openDatabase(file)).toThrow(/has schema 99, and this version knows \d+/);
});
