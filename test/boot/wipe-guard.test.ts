// A model test: random histories of a node, and after each event the question what it boots.
// The oracle knows only the history; the program under test only its store, its table and its policy.

import { expect, test } from "vitest";
import { decide } from "../../src/boot/decide.ts";
import { formatDisk } from "../../src/inventory/disk.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { DiskIdentity } from "../../src/nodes/disk-identity.ts";
import { events, type NodeEvent, nextState } from "../../src/nodes/state.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createNodeStore } from "../../src/store/nodes.ts";
import { type IntentStore, memoryNodes } from "../fakes/memory-nodes.ts";
import { exampleInventory } from "../fakes/rack.ts";

const eventsPerHistory = 12;
const intentMs = 100;
/** Three disks that come to stand behind the same name; two of them differ in nothing but the serial number. */
const disks: readonly DiskIdentity[] = [
  { device: "/dev/sda", sizeBytes: 480, serial: "A" },
  { device: "/dev/sda", sizeBytes: 480, serial: "B" },
  { device: "/dev/sdb", sizeBytes: 960, serial: "A" },
];
const machines = ["52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"] as Mac[];

interface Approval {
  readonly id: string;
  readonly mac: Mac;
  readonly expiresAtMs: number;
  open: boolean;
  /** What was found on the installer, and shown to the operator. */
  disk: DiskIdentity | undefined;
}

/** What became of the attempts to write. */
interface Wipes {
  onApproved: number;
  onOther: number;
  refusedForDisk: number;
}

/** mulberry32: a small generator with a known sequence for each seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface World {
  readonly store: IntentStore;
  readonly pick: (below: number) => number;
  nowMs: number;
}

/** One node's history: `step` lets one random thing happen, `approvalFor` says what was approved by then. */
function createHistory(world: World, node: Node, wipes: Wipes) {
  const { store, pick } = world;
  let approval: Approval | undefined;
  let target = 0;

  const arm = (id: string) => {
    const mac = machines[pick(machines.length)] ?? node.mac;
    const expiresAtMs = world.nowMs + intentMs;
    const { name } = node;
    const disk = formatDisk(node.disk);
    const intent = { id, node: name, mac, disk, operation: "op", armedAtMs: 0, expiresAtMs };
    if (nextState(store.node(name).state, "install-armed") === undefined)
      return expect(() => store.arm(intent)).toThrow("is no move from there");
    store.arm(intent);
    approval = { id, mac, expiresAtMs, open: true, disk: undefined };
  };

  const behindTheName = () => disks.slice(target, target + 1);
  const isUsable = () => approval?.open === true && approval.expiresAtMs > world.nowMs;

  /** The installer was found: the permission is bound to its disk, once. */
  const find = () => {
    if (approval === undefined) return;
    const [disk] = behindTheName();
    const isBound = approval.disk !== undefined && approval.disk !== disk;
    const bound = succeeds(() => store.resolve(approval?.id ?? "", behindTheName(), world.nowMs));
    expect(bound).toBe(isUsable() && !isBound);
    if (bound) approval.disk = disk;
  };

  const wipe = () => {
    if (approval === undefined) return;
    const [disk] = behindTheName();
    const wiped = succeeds(() =>
      store.consume(approval?.id ?? "", behindTheName(), world.nowMs, {}),
    );
    expect(wiped).toBe(isUsable() && approval.disk !== undefined && approval.disk === disk);
    if (wiped) wipes[approval.disk === disk ? "onApproved" : "onOther"] += 1;
    else if (isUsable()) wipes.refusedForDisk += 1;
    if (wiped) approval.open = false;
  };

  const move = (event: NodeEvent) => {
    // Arming and wiping have their own doors above, in the program as here.
    if (event === "install-armed" || event === "wipe-started") return;
    if (nextState(store.node(node.name).state, event) === undefined) return;
    store.transition(node.name, event, {});
    if (approval !== undefined) approval.open = false;
  };

  return {
    step: (id: string) => {
      const choice = pick(14);
      if (choice < 3) arm(id);
      else if (choice < 5) world.nowMs += pick(intentMs);
      else if (choice < 7) find();
      else if (choice < 9) wipe();
      else if (choice < 10) target = pick(disks.length);
      else move(events[pick(events.length)] ?? "operation-failed");
    },
    approvalFor: (mac: Mac) =>
      approval?.open && approval.mac === mac && approval.expiresAtMs > world.nowMs
        ? approval.id
        : undefined,
  };
}

/** A refusal is false where the intent is at fault, and an error where the node's state is. */
function succeeds(attempt: () => boolean): boolean {
  try {
    return attempt();
  } catch {
    return false;
  }
}

test.each<[string, number, () => IntentStore]>([
  ["10,000", 10_000, memoryNodes],
  ["500 stored", 500, () => createNodeStore(openDatabase(":memory:"), () => 0)],
])(
  "%s random histories never give the installer without an armed, unused, unexpired intent for this MAC, nor write to a disk but the approved one",
  (_name, histories, createStore) => {
    const declared = exampleInventory().nodes[0];
    if (declared === undefined) throw new Error("the example site declares no node");
    const pick = random(20_250_601);
    const wrong: unknown[] = [];
    const answers = { installer: 0, discovery: 0, "local-disk": 0 };
    const wipes: Wipes = { onApproved: 0, onOther: 0, refusedForDisk: 0 };

    let world: World = { store: createStore(), pick, nowMs: 1_000_000 };
    for (let history = 0; history < histories; history++) {
      if (history % 100 === 0) world = { ...world, store: createStore() };
      const node = { ...declared, name: `node${history}` };
      const { step, approvalFor } = createHistory(world, node, wipes);
      for (let count = 0; count < eventsPerHistory; count++) {
        step(`intent-${history}-${count}`);
        const known = {
          node,
          record: world.store.node(node.name),
          intent: world.store.intent(node.name),
        };
        for (const mac of machines) {
          const { boot } = decide({ ...known, mac }, world.nowMs);
          answers[boot.kind]++;
          const given = boot.kind === "installer" ? boot.intentId : undefined;
          if (given !== approvalFor(mac)) wrong.push({ history, count, mac, given });
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(wipes.onOther).toBe(0);
    // Both answers must have come up often, or the test would prove nothing.
    expect(answers.installer).toBeGreaterThan(histories);
    expect(answers.discovery).toBe(0);
    expect(answers["local-disk"]).toBeGreaterThan(histories);
    expect(wipes.onApproved).toBeGreaterThan(histories / 50);
    expect(wipes.refusedForDisk).toBeGreaterThan(histories / 50);
  },
);
