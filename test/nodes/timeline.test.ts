import { expect, test } from "vitest";
import type { Node } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createTimeline, type Sighting } from "../../src/nodes/timeline.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";

const heard: Sighting = {
  mac: undefined,
  kind: "foreign-dhcp-server",
  address: "10.0.100.9",
  detail: { interface: "eth0" },
};

test("what concerns the whole network stands in the timeline without a node, once in ten minutes", () => {
  let nowMs = 0;
  const store = createNodeStore(openDatabase(":memory:"), () => nowMs);
  const record = createTimeline(
    store,
    () => undefined,
    () => nowMs,
  );
  const seen = () => store.events({ limit: 10 }).map(({ node, detail }) => [node, detail]);
  record(heard);
  nowMs = 599_999;
  record(heard);
  expect(seen()).toEqual([[undefined, { interface: "eth0", address: "10.0.100.9" }]]);
  record({ ...heard, address: "10.0.100.8" });
  expect(seen()).toHaveLength(2);
  nowMs = 600_000;
  record(heard);
  expect(seen()).toHaveLength(3);
  expect(store.discovered()).toEqual([]);
});

const node = { name: "node01" } as Node;
const mac = "52:54:00:12:34:56" as Mac;

function timelineOf(findNode: () => Node | undefined) {
  const store = createNodeStore(openDatabase(":memory:"), () => 0);
  const record = createTimeline(store, findNode, () => 0);
  return { record, store, seen: () => store.events({ limit: 10_000 }).map(({ kind }) => kind) };
}

test("a node that fetches two files in one second has both in its timeline, and a file that it fetches again once", () => {
  const { record, seen } = timelineOf(() => node);
  for (const about of ["bzImage", "initrd", "initrd"])
    record({ mac, kind: "image-served", about, detail: {} });
  expect(seen()).toEqual(["image-served", "image-served"]);
});

test("a rack that boots at once keeps its history, and strangers who come by the thousand fill no store", () => {
  const { record, seen } = timelineOf(() => node);
  const macs = Array.from({ length: 3_000 }, (_, i) => `${mac.slice(0, 9)}${i}` as Mac);
  for (const each of macs) record({ mac: each, kind: "dhcp-offered", detail: {} });
  expect(seen()).toHaveLength(2_000);
  const strangers = timelineOf(() => undefined);
  for (const each of macs) strangers.record({ mac: each, kind: "dhcp-offered", detail: {} });
  expect(strangers.store.discovered()).toHaveLength(50);
});

test("a refusal is told once in half a minute for each document", () => {
  let nowMs = 0;
  const store = createNodeStore(openDatabase(":memory:"), () => nowMs);
  const record = createTimeline(
    store,
    () => node,
    () => nowMs,
  );
  const refusal = (about: string) =>
    record({ mac, kind: "boot-refused", about, detail: { about } });
  const seen = () => store.events({ limit: 20 }).map(({ detail }) => detail["about"]);
  for (const about of ["report", "keys.cpio.gz", "report"]) refusal(about);
  nowMs = 29_999;
  refusal("report");
  expect(seen()).toEqual(["report", "keys.cpio.gz"]);
  nowMs = 30_000;
  refusal("report");
  expect(seen()).toEqual(["report", "keys.cpio.gz", "report"]);
});
