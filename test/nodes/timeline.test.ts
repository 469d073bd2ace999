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

test("of what one machine does, a topic is told once in a second, and a refusal once in half a minute", () => {
  let nowMs = 0;
  const store = createNodeStore(openDatabase(":memory:"), () => nowMs);
  const node = { name: "node01" } as Node;
  const record = createTimeline(
    store,
    () => node,
    () => nowMs,
  );
  const mac = "52:54:00:12:34:56" as Mac;
  const image = (topic: string) => record({ mac, kind: "image-served", topic, detail: { topic } });
  const refusal = (topic: string) =>
    record({ mac, kind: "boot-refused", topic, detail: { topic } });
  for (const topic of ["bzImage", "initrd", "initrd"]) image(topic);
  for (const topic of ["report", "keys.cpio.gz", "report"]) refusal(topic);
  const seen = () =>
    store.events({ node: "node01", limit: 20 }).map(({ detail }) => detail["topic"]);
  expect(seen()).toEqual(["bzImage", "initrd", "report", "keys.cpio.gz"]);
  nowMs = 29_999;
  image("initrd");
  refusal("report");
  expect(seen().slice(4)).toEqual(["initrd"]);
  nowMs = 30_000;
  refusal("report");
  expect(seen().slice(4)).toEqual(["initrd", "report"]);
});
