import { expect, test } from "vitest";
import {
  events,
  type NodeEvent,
  type NodeState,
  nextState,
  states,
} from "../../src/nodes/state.ts";

// The whole table: one row per state, one column per event, "" where the move is forbidden.
const columns: readonly NodeEvent[] = [
  "install-armed",
  "install-cancelled",
  "wipe-started",
  "install-finished",
  "disk-booted",
  "cluster-joined",
  "health-soaked",
  "operation-failed",
  "drained",
  "undrained",
  "member-removed",
  "decommissioned",
];

const table: Readonly<Record<NodeState, readonly (NodeState | "")[]>> = {
  registered: ["armed", "", "", "", "", "", "", "", "", "", "", "retired"],
  armed: ["", "registered", "installing", "", "", "", "", "failed", "", "", "", ""],
  installing: ["", "", "", "rebooting", "", "", "", "failed", "", "", "", ""],
  rebooting: ["", "", "", "", "joining", "", "", "failed", "", "", "", ""],
  joining: ["", "", "", "", "", "verifying", "", "failed", "", "", "", ""],
  verifying: ["", "", "", "", "", "", "active", "failed", "", "", "", ""],
  active: ["", "", "", "", "", "", "", "", "drained", "", "registered", ""],
  drained: ["", "", "", "", "", "", "", "", "", "active", "registered", ""],
  retired: ["armed", "", "", "", "", "", "", "", "", "", "", ""],
  failed: ["armed", "", "", "", "", "", "active", "", "", "", "registered", ""],
};

const pairs = Object.entries(table).flatMap(([state, row]) =>
  columns.map((event, index) => ({
    state: state as NodeState,
    event,
    to: row[index] || undefined,
  })),
);

test("the table names every state and every event once", () => {
  expect(Object.keys(table)).toEqual(Object.keys(states));
  expect(columns).toEqual(events);
  expect(pairs).toHaveLength(120);
});

test.each(pairs)("$state + $event -> $to", ({ state, event, to }) => {
  expect(nextState(state, event)).toBe(to);
});

test("the disk is only ever written after an arming: installing is reached from armed alone", () => {
  const origins = pairs.filter(({ to }) => to === "installing");
  expect(origins).toEqual([{ state: "armed", event: "wipe-started", to: "installing" }]);
});

test("every state can be reached from registered", () => {
  const reached = new Set<NodeState>(["registered"]);
  for (const state of reached)
    for (const event of events) {
      const to = nextState(state, event);
      if (to !== undefined) reached.add(to);
    }
  expect([...reached].toSorted()).toEqual(Object.keys(states).toSorted());
});
