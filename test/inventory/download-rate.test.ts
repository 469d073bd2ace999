import { expect, it } from "vitest";
import { downloadRate } from "../../src/inventory/download-rate.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:12:34:56" as Mac;
const other = "52:54:00:12:34:99" as Mac;

it.each([
  ["nothing is set", undefined, undefined, mac, undefined],
  ["the site has one", 8, undefined, mac, 8],
  ["the node has one", undefined, 1.5, mac, 1.5],
  ["both have one", 8, 100, mac, 100],
  ["both have one and a stranger asks", 8, 100, other, 8],
  ["the node has one and nobody knows who asks", undefined, 100, undefined, undefined],
])(
  "where %s, a site's %s and a node's %s MiB/s give %s a rate of %s",
  (_, site, own, who, rate) => {
    const node = { mac, downloadMiBPerSecond: own } as Partial<Node> as Node;
    const inventory = { boot: { downloadMiBPerSecond: site }, nodes: [node] };
    expect(downloadRate(inventory, who)).toBe(rate === undefined ? undefined : rate * 1024 * 1024);
  },
);
