// The states a declared machine can be in, one sentence each, and the only moves between them.
// All of a node's life is in this table; it does not know who asks or why.

/** Each state, and what it means for the machine. */
export const states = {
  registered: "declared in the inventory and left alone: it boots its own disk",
  armed: "an operator asked for an install: a network boot now starts the installer",
  installing: "the disk is being written; a network boot no longer starts the installer",
  rebooting: "the install ended; the machine is on its way to its own disk",
  joining: "running from its own disk, not yet a voter on every layer",
  verifying: "a voter on every layer; the cluster must now be seen to stay healthy",
  active: "a healthy voter, seen so over the whole soak window",
  drained:
    "taken out of service by an operator: its services are stopped, its membership and data are kept",
  retired: "decommissioned: no member, switched off, not in the inventory any more",
  failed: "an operation stopped; a person has to decide what is next",
} as const;

export type NodeState = keyof typeof states;

/** Everything that can happen to a node's state. */
export const events = [
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
] as const;

export type NodeEvent = (typeof events)[number];

const transitions: Readonly<Record<NodeState, Partial<Record<NodeEvent, NodeState>>>> = {
  registered: { "install-armed": "armed", decommissioned: "retired" },
  armed: {
    "wipe-started": "installing",
    "install-cancelled": "registered",
    "operation-failed": "failed",
  },
  installing: { "install-finished": "rebooting", "operation-failed": "failed" },
  rebooting: { "disk-booted": "joining", "operation-failed": "failed" },
  joining: { "cluster-joined": "verifying", "operation-failed": "failed" },
  verifying: { "health-soaked": "active", "operation-failed": "failed" },
  active: { drained: "drained", "member-removed": "registered" },
  drained: { undrained: "active", "member-removed": "registered" },
  retired: { "install-armed": "armed" },
  // The last is an operation that is taken up again when what it waited for is there.
  failed: { "install-armed": "armed", "member-removed": "registered", "health-soaked": "active" },
};

/** The state after `event`, or undefined where the table forbids it. */
export function nextState(state: NodeState, event: NodeEvent): NodeState | undefined {
  return transitions[state][event];
}
