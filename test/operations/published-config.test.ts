import { expect, test } from "vitest";
import { publishedConfig } from "../../src/operations/published-config.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createClusterStore, createOperationStore } from "../../src/store/operations.ts";
import { exampleInventory } from "../fakes/rack.ts";

const database = openDatabase(":memory:");
const stores = {
  operations: createOperationStore(database, () => 0),
  clusters: createClusterStore(database, () => 0),
};

test("the first control-plane node is told to form the cluster, and every other to join it", () => {
  const inventory = exampleInventory();
  const told = inventory.nodes.map((node) => publishedConfig({ ...stores, inventory }, node));
  expect(told.map((config) => config?.bootstrap)).toEqual(
    inventory.nodes.map((_, index) => index === 0),
  );
});

test("a site of workers alone has no document for them, for there is nothing to join", () => {
  const { nodes, ...rest } = exampleInventory();
  const inventory = { ...rest, nodes: nodes.map((node) => ({ ...node, role: "worker" as const })) };
  for (const node of inventory.nodes)
    expect(publishedConfig({ ...stores, inventory }, node)).toBeUndefined();
});

test("whom cluster.peers names forms the cluster, whatever its role, and no other does", () => {
  const { cluster, ...rest } = exampleInventory();
  const last = rest.nodes.at(-1);
  const inventory = { ...rest, cluster: { ...cluster, peers: [last?.name ?? ""] } };
  const told = inventory.nodes.map((node) => publishedConfig({ ...stores, inventory }, node));
  expect(told.map((config) => config?.bootstrap)).toEqual(
    inventory.nodes.map((node) => node === last),
  );
  expect(told.at(-1)).toMatchObject({ initial_peers: [`${last?.fqdn}:2380`] });
});
