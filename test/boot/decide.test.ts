import { expect, test } from "vitest";
import { decide, type Subject } from "../../src/boot/decide.ts";
import { formatDisk } from "../../src/inventory/disk.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { InstallIntent } from "../../src/nodes/ports.ts";
import { type NodeState, states } from "../../src/nodes/state.ts";
import { exampleInventory } from "../fakes/rack.ts";

const nowMs = Date.parse("2025-06-01T12:00:00Z");
const stranger = "52:54:00:00:00:01" as Mac;
const node = exampleInventory().nodes[0];
if (node === undefined) throw new Error("the example site declares no node");

const intent: InstallIntent = {
  id: "intent-1",
  node: node.name,
  mac: node.mac,
  disk: formatDisk(node.disk),
  operation: "op-1",
  armedAtMs: nowMs - 1000,
  expiresAtMs: nowMs + 1000,
  consumedAtMs: undefined,
};
const armed: Subject = { mac: node.mac, node, record: recordIn("armed"), intent };

function recordIn(state: NodeState) {
  return { name: "node01", state, sinceMs: nowMs - 1000 };
}

test("an armed, unused, unexpired intent for this MAC starts the installer", () => {
  expect(decide(armed, nowMs)).toEqual({
    boot: { kind: "installer", node, intentId: "intent-1", operation: "op-1" },
    reason: "node node01 is armed for an install on /dev/sda",
  });
});

test.each<[string, Partial<Subject>, string]>([
  [
    "a MAC in no inventory",
    { mac: stranger, node: undefined, record: undefined, intent: undefined },
    "52:54:00:00:00:01 is in no inventory: it gets an address and nothing to install",
  ],
  [
    "a MAC in no inventory, whatever is stored",
    { mac: stranger, node: undefined },
    "52:54:00:00:00:01 is in no inventory: it gets an address and nothing to install",
  ],
  [
    "a node without a record",
    { record: undefined },
    "52:54:00:12:34:56 is in no inventory: it gets an address and nothing to install",
  ],
  ["an armed node without an intent", { intent: undefined }, "node node01 has no install intent"],
  [
    "another MAC than the armed one",
    { intent: { ...intent, mac: stranger } },
    "node node01 was armed for 52:54:00:00:00:01, and 52:54:00:12:34:56 asks",
  ],
  [
    "an intent for another disk than the inventory names",
    { intent: { ...intent, disk: "/dev/sdb" } },
    "node node01 was armed for /dev/sdb, and the inventory now names /dev/sda",
  ],
  [
    "an intent that is used up",
    { intent: { ...intent, consumedAtMs: nowMs - 1 } },
    "the install intent of node node01 is used up",
  ],
  [
    "an intent whose use is recorded in the future, as after a clock step",
    { intent: { ...intent, consumedAtMs: nowMs + 1 } },
    "the install intent of node node01 is used up",
  ],
  [
    "an intent in the millisecond in which it runs out",
    { intent: { ...intent, expiresAtMs: nowMs } },
    "the install intent of node node01 ran out at 2025-06-01T12:00:00.000Z",
  ],
])("%s boots its own disk", (_who, change, reason) => {
  expect(decide({ ...armed, ...change }, nowMs)).toEqual({ boot: { kind: "local-disk" }, reason });
});

const unarmed = (Object.keys(states) as NodeState[]).filter((state) => state !== "armed");

test.each(unarmed)("a node that is %s boots its own disk, even with a valid intent", (state) => {
  expect(decide({ ...armed, record: recordIn(state) }, nowMs)).toEqual({
    boot: { kind: "local-disk" },
    reason: `node node01 is ${state}, not armed`,
  });
});

const right = { profile: "discovery", unreportedBoots: 0 };
const unknown: Subject = { mac: stranger, node: undefined, record: undefined, intent: undefined };

test("a MAC in no inventory boots the discovery image where the site allows it", () => {
  expect(decide({ ...unknown, discovery: right }, nowMs)).toEqual({
    boot: { kind: "discovery", profile: "discovery" },
    reason: `${stranger} is in no inventory: it boots the discovery image, which writes nothing`,
  });
});

test("a MAC in no inventory never gets an installer, whatever is stored", () => {
  const { record, intent: stored } = armed;
  const boot = { kind: "discovery", profile: "discovery" };
  expect(decide({ ...armed, node: undefined, discovery: right }, nowMs).boot).toEqual(boot);
  expect(decide({ mac: stranger, node: undefined, record, intent: stored }, nowMs).boot).toEqual({
    kind: "local-disk",
  });
});

test("a declared machine never gets the discovery image, in any state", () => {
  for (const state of Object.keys(states) as NodeState[]) {
    const { boot } = decide({ ...armed, record: recordIn(state), discovery: right }, nowMs);
    expect(boot.kind).toBe(state === "armed" ? "installer" : "local-disk");
  }
  expect(decide({ ...armed, record: undefined, discovery: right }, nowMs).boot.kind).toBe(
    "local-disk",
  );
});

const { node: node01 } = armed;

test("another card of a declared node, and a retired one, boot their disk, whatever the site allows", () => {
  expect(decide({ ...unknown, discovery: right, cardOf: node01 }, nowMs)).toEqual({
    boot: { kind: "local-disk" },
    reason: `${stranger} is a card of node node01, which is installed by its card ${node01?.mac} alone`,
  });
  expect(decide({ ...unknown, discovery: right, retired: "node09, 2026-11-02" }, nowMs)).toEqual({
    boot: { kind: "local-disk" },
    reason: `${stranger} is retired: node09, 2026-11-02`,
  });
});

test.each([
  [2, "discovery"],
  [3, "local-disk"],
  [9, "local-disk"],
])("after %i boots without a report within an hour it is %s", (unreportedBoots, kind) => {
  const { boot, reason } = decide({ ...unknown, discovery: { ...right, unreportedBoots } }, nowMs);
  expect(boot.kind).toBe(kind);
  if (kind === "local-disk")
    expect(reason).toContain(`${unreportedBoots} times within an hour without a report`);
});
