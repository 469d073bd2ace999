import { expect, test } from "vitest";
import type { BootPlaneEvent } from "../../src/bootplane/deps.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createTimeline } from "../../src/nodes/timeline.ts";
import { sightingOfBoot } from "../../src/serve/boot-sightings.ts";
import { memoryNodes } from "../fakes/memory-nodes.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node] = exampleInventory().nodes;
if (node === undefined) throw new Error("the example site has a node");
const { mac } = node;
const holders = { find: () => mac as Mac };

test("a second fetch of an installer's keys is on the timeline, however soon it comes", () => {
  const kinds: unknown[] = [];
  const store = {
    ...memoryNodes(),
    append: ({ kind, detail }: never) => kinds.push([kind, detail]),
  };
  const record = createTimeline(
    store as never,
    () => node,
    () => 0,
  );
  const served = { kind: "keys-served", mac, client: "10.0.100.50" } as const;
  const refused = { ...served, kind: "keys-refused", reason: "found already" } as const;
  const events: BootPlaneEvent[] = [1, 2].flatMap((times) => [
    { ...served, times },
    { ...refused, times },
  ]);
  for (const event of events)
    for (const sighting of sightingOfBoot(event, holders)) record(sighting);
  expect(kinds).toMatchObject([
    ["keys-served", { times: 1 }],
    ["keys-refused", { times: 1 }],
    ["keys-served", { times: 2 }],
    ["keys-refused", { times: 2 }],
  ]);
});
