// States and intents of nodes in memory, by the rules of the port: as fast as a model test needs them.

import { areSameDisks } from "../../src/nodes/disk-identity.ts";
import type { InstallIntent, NodeRecord, NodeStore } from "../../src/nodes/ports.ts";
import { type NodeEvent, nextState } from "../../src/nodes/state.ts";

export type IntentStore = Pick<
  NodeStore,
  "node" | "transition" | "arm" | "resolve" | "intent" | "consume"
>;

export function memoryNodes(): IntentStore {
  const records = new Map<string, NodeRecord>();
  const intents = new Map<string, InstallIntent>();

  const node = (name: string): NodeRecord =>
    records.get(name) ?? { name, state: "registered", sinceMs: 0 };

  const transition = (name: string, event: NodeEvent): NodeRecord => {
    const from = node(name).state;
    const state = nextState(from, event);
    if (state === undefined)
      throw new Error(`node ${name} is ${from}: ${event} is no move from there`);
    const record = { name, state, sinceMs: 0 };
    records.set(name, record);
    return record;
  };

  const usable = (id: string, nowMs: number): InstallIntent | undefined => {
    const intent = [...intents.values()].find((candidate) => candidate.id === id);
    if (intent === undefined || intent.consumedAtMs !== undefined || intent.expiresAtMs <= nowMs)
      return undefined;
    return node(intent.node).state === "armed" ? intent : undefined;
  };

  return {
    node,
    transition,
    arm: (intent) => {
      transition(intent.node, "install-armed");
      intents.set(intent.node, { ...intent, consumedAtMs: undefined });
    },
    intent: (name) => intents.get(name),
    resolve: (id, disks, nowMs) => {
      const intent = usable(id, nowMs);
      if (intent === undefined) return false;
      if (intent.resolved !== undefined) return areSameDisks(intent.resolved, disks);
      intents.set(intent.node, { ...intent, resolved: disks });
      return true;
    },
    consume: (id, disks, nowMs) => {
      const intent = usable(id, nowMs);
      if (intent?.resolved === undefined || !areSameDisks(intent.resolved, disks)) return false;
      transition(intent.node, "wipe-started");
      intents.set(intent.node, { ...intent, consumedAtMs: nowMs });
      return true;
    },
  };
}
