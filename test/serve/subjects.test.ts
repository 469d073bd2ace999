import { expect, onTestFinished, test } from "vitest";
import { createDiscoveryBoots } from "../../src/boot/discovery-boots.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createSubjects } from "../../src/serve/subjects.ts";
import { openStore } from "../../src/store/store.ts";
import { someFacts } from "../fakes/machine-facts.ts";
import { exampleInventory } from "../fakes/rack.ts";

const example = exampleInventory();
const declaredCard = "52:54:01:00:00:01" as Mac;
const learntCard = "52:54:01:00:00:02" as Mac;
const leftCard = "52:54:01:00:00:03" as Mac;
const retired = "52:54:01:00:00:04" as Mac;
const stranger = "52:54:01:00:00:05" as Mac;
const ownMac = example.nodes[0]?.mac as Mac;

const inventory: Inventory = {
  ...example,
  discovery: { ...example.discovery, boot: true },
  nodes: example.nodes.map((node) =>
    node.name === "node01" ? { ...node, nics: { eth1: { mac: declaredCard } } } : node,
  ),
  retired: { [retired]: "node09, 2026-11-02" },
};

function subjects() {
  const store = openStore(
    ":memory:",
    () => 1_000,
    () => undefined,
  );
  onTestFinished(() => store.close());
  const learn = (node: string, ...macs: Mac[]) => {
    const [mac = stranger] = macs;
    store.nodes.learn(node, { atMs: 1_000, mac, facts: { ...someFacts(mac), macs } });
  };
  learn("node02", "52:54:00:12:34:57" as Mac, learntCard);
  learn("node99", leftCard);
  return createSubjects({
    inventory: () => inventory,
    ...{ store, discoveryBoots: createDiscoveryBoots(), now: () => 1_000 },
  });
}

test.each([
  ["declared", declaredCard, "node01"],
  ["said by its machine", learntCard, "node02"],
])(
  "a node's other card that is %s is the node's, and has no right to discovery",
  (_how, mac, name) => {
    const subject = subjects()(mac);
    expect(subject).toMatchObject({ mac, node: undefined, intent: undefined, cardOf: { name } });
    expect(subject.discovery).toBeUndefined();
  },
);

test("a retired machine has no right to discovery, and what it was is told", () => {
  const subject = subjects()(retired);
  expect(subject).toMatchObject({ node: undefined, retired: "node09, 2026-11-02" });
  expect(subject.discovery).toBeUndefined();
});

test.each([
  ["that nobody knows", stranger],
  ["of a node that is declared no more", leftCard],
])("a card %s is a stranger's, who may be looked at", (_whose, mac) => {
  const subject = subjects()(mac);
  expect(subject.discovery).toEqual({ profile: "discovery", unreportedBoots: 0 });
  expect([subject.node, subject.cardOf, subject.retired]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("the card that a node boots by is the node itself", () => {
  expect(subjects()(ownMac)).toMatchObject({
    node: { name: "node01" },
    record: { state: "registered" },
  });
});
