import { expect, test } from "vitest";
import { createDiscoveredService } from "../../src/api/discovered-service.ts";
import { discoveredTable, discoveryLines } from "../../src/cli/discovered-text.ts";
import type { Mac } from "../../src/net/mac.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { exampleInventory } from "../fakes/rack.ts";

const retired = "52:54:00:12:34:aa" as Mac;
const stranger = "52:54:00:12:34:ab" as Mac;

function service() {
  const nodes = createNodeStore(openDatabase(":memory:"), () => 1_000);
  for (const mac of [retired, stranger]) nodes.discover(mac, undefined, { architecture: "7" });
  const inventory = { ...exampleInventory(), retired: { [retired]: "node09, 2026-11-02" } };
  return createDiscoveredService({ inventory: () => inventory, nodes });
}

test("a retired machine that is heard again is marked, and no other is", () => {
  const { discovered, discovery } = service();
  const marks = Object.fromEntries(discovered().map((each) => [each.mac, each.retired]));
  expect(marks).toEqual({ [retired]: "node09, 2026-11-02", [stranger]: undefined });
  expect(discovery(retired).retired).toBe("node09, 2026-11-02");
});

test("its mark is printed in the list and with all that is known of it", () => {
  const { discovered, discovery } = service();
  const line = discoveredTable(discovered(), 1_000).find((each) => each.includes(retired));
  expect(line).toContain("retired: node09, 2026-11-02");
  expect(discoveryLines(discovery(retired), 1_000)).toContain("retired  node09, 2026-11-02");
  expect(discoveryLines(discovery(stranger), 1_000).join()).not.toContain("retired");
});
