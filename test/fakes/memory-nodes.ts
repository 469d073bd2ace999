// States and intents of nodes in memory, by the rules of the port: as fast as a model test needs them.

import type { InstallIntent, NodeRecord, NodeStore } from "../../src/nodes/ports.ts";
import { type NodeEvent, nextState } from "../../src/nodes/state.ts";

export type IntentStore = Pick<NodeStore, "node" | "transition" | "arm" | "intent" | "consume">;

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

  return {
    node,
    transition,
    arm: (intent) => {
      transition(intent.node, "install-armed");
      intents.set(intent.node, { ...intent, consumedAtMs: undefined });
    },
    intent: (name) => intents.get(name),
    consume: (id, nowMs) => {
      const intent = [...intents.values()].find((candidate) => candidate.id === id);
      if (intent === undefined || intent.consumedAtMs !== undefined || intent.expiresAtMs <= nowMs)
        return false;
      transition(intent.node, "wipe-started");
      intents.set(intent.node, { ...intent, consumedAtMs: nowMs });
      return true;
    },
  };
}
