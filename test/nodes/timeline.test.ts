import { expect, test } from "vitest";
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
