// What is known of each machine's power: what it was last seen to be, and what was last asked for. It reads every BMC from time
// to time, tells when the two differ, and switches nothing: somebody at the power button has a reason.

import type { Bmc, BmcFailureKind, PowerState } from "../bmc/bmc.ts";
import type { PowerObserver } from "../bmc/observed.ts";
import type { Node } from "../inventory/schema.ts";
import type { NewEvent, NodeStore } from "../nodes/ports.ts";
import { type Polled, type PowerPollTools, pollPower } from "./power-poll.ts";

/** The power of one machine as far as it is known. Times are milliseconds since the epoch. */
export interface PowerView {
  /** `unknown`: it was never read, or could not be read when it was last tried. */
  readonly state: PowerState | "unknown";
  /** The last reading that came, and when. */
  readonly last?: PowerState | undefined;
  readonly readAtMs?: number | undefined;
  /** Why the last try gave nothing. */
  readonly failure?: { readonly kind: BmcFailureKind; readonly reason: string } | undefined;
  /** What an operator or an operation last asked for. */
  readonly asked?: PowerState | undefined;
  /** It was seen twice in a row not to be as asked, and nobody is at work on it. */
  readonly differs: boolean;
}

export interface PowerWatch {
  view(node: string): PowerView;
  /** Notes that `power` is what the node shall be from now on. `detail` says who wants it. */
  asked(node: string, power: PowerState, detail: Readonly<Record<string, unknown>>): void;
  /** Notes that the node may be as it likes from now on. */
  askedNoMore(node: string, detail: Readonly<Record<string, unknown>>): void;
  /** Somebody is at work on the node's power until the returned function is called: its changes are no surprise. */
  hold(node: string): () => void;
  /** Hears what the node's driver learns. */
  observer(node: string): PowerObserver;
  /** Reads the BMCs until it is closed. */
  start(bmc: (node: Node) => Bmc): void;
  close(): Promise<void>;
}

export interface PowerWatchTools extends PowerPollTools {
  readonly nodes: () => readonly Node[];
  readonly store: Pick<NodeStore, "events">;
  /** Writes to the timeline; never throws. */
  readonly record: (event: NewEvent) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Known extends Polled {
  node: Node;
  state: PowerState | undefined;
  readAtMs: number | undefined;
  failure: { readonly kind: BmcFailureKind; readonly reason: string } | undefined;
  failuresInARow: number;
  unknownTold: boolean;
  asked: PowerState | undefined;
  differs: boolean;
  doubtMs: number | undefined;
  holders: number;
  calls: number;
}

// One reading may be a BMC's slip.
const doubtMs = 4_000;
const failuresBeforeTold = 3;
// All at once after a restart is a burst for the network and for us.
const firstReadingsMs = 15_000;

export function createPowerWatch(tools: PowerWatchTools): PowerWatch {
  const { record } = tools;
  const known = new Map<string, Known>();
  /** The machine of a declared node. One that is declared no more is kept for whoever is still at work on it. */
  const machineOf = (node: Node): Known => {
    const machine = known.get(node.name) ?? remember(tools, node);
    known.set(node.name, machine);
    // What another BMC said is nothing that is known of this machine.
    if (machine.node.bmc.address !== node.bmc.address)
      Object.assign(machine, { state: undefined, readAtMs: undefined, failure: undefined });
    machine.node = node;
    return machine;
  };
  let seen: readonly Node[] | undefined;
  let machines: readonly Known[] = [];
  const declared = (): readonly Known[] => {
    const nodes = tools.nodes();
    if (nodes !== seen) machines = nodes.map(machineOf);
    seen = nodes;
    return machines;
  };
  const of = (node: string): Known => {
    declared();
    const found = known.get(node);
    if (found === undefined) throw new Error(`node ${node} is in no inventory`);
    return found;
  };
  const stop = new AbortController();
  let ended: Promise<unknown> = Promise.resolve();
  const ask = (
    node: string,
    power: PowerState | "either",
    detail: Readonly<Record<string, unknown>>,
  ) => {
    const machine = of(node);
    machine.asked = power === "either" ? undefined : power;
    machine.differs = false;
    machine.doubtMs = undefined;
    record({ node, mac: undefined, kind: "power-asked", detail: { power, ...detail } });
  };
  return {
    view: (node) => viewOf(of(node)),
    asked: ask,
    askedNoMore: (node, detail) => ask(node, "either", detail),
    hold: (node) => {
      const machine = of(node);
      machine.holders += 1;
      return () => {
        machine.holders -= 1;
      };
    },
    observer: (node) => observerOf(tools, of(node)),
    start: (bmc) => {
      ended = pollPower(tools, declared, bmc, stop.signal);
    },
    close: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** What the timeline says of it: what was asked for, and whether it was told already that it is otherwise. */
function remember({ store, clock, random, pollMs }: PowerWatchTools, node: Node): Known {
  const newest = (...kinds: readonly string[]) =>
    store.events({ node: node.name, kinds, limit: 1 })[0];
  const asked = newest("power-asked")?.detail["power"];
  return {
    node,
    state: undefined,
    readAtMs: undefined,
    failure: undefined,
    failuresInARow: 0,
    unknownTold: newest("power-unknown", "power-known")?.kind === "power-unknown",
    asked: asked === "on" || asked === "off" ? asked : undefined,
    differs: newest("power-asked", "power-differs", "power-as-asked")?.kind === "power-differs",
    doubtMs: undefined,
    holders: 0,
    calls: 0,
    triedMs: clock.now() - pollMs() + random() * Math.min(pollMs(), firstReadingsMs),
    jitter: 1,
  };
}

function viewOf({ state, readAtMs, failure, asked, differs }: Known): PowerView {
  return {
    state: failure === undefined ? (state ?? "unknown") : "unknown",
    ...{ last: state, readAtMs, failure, asked, differs },
  };
}

function observerOf(tools: PowerWatchTools, machine: Known): PowerObserver {
  const { record } = tools;
  const node = machine.node.name;
  return {
    began: () => {
      machine.calls += 1;
      return () => {
        machine.calls -= 1;
      };
    },
    read: (state) => {
      machine.triedMs = tools.clock.now();
      machine.state = state;
      machine.readAtMs = tools.now();
      machine.failure = undefined;
      machine.failuresInARow = 0;
      if (machine.unknownTold) {
        machine.unknownTold = false;
        record({ node, mac: undefined, kind: "power-known", detail: { power: state } });
      }
      compare(tools, machine, state);
    },
    failed: (error) => {
      // It answers and has no time: what it said last stands, and its age is shown.
      if (error.kind === "busy") return;
      const { kind, message: reason } = error;
      machine.failure = { kind, reason };
      machine.failuresInARow += 1;
      if (machine.unknownTold || machine.failuresInARow < failuresBeforeTold) return;
      machine.unknownTold = true;
      record({ node, mac: undefined, kind: "power-unknown", detail: { failure: kind, reason } });
    },
  };
}

/** Tells once when a machine is not as it was asked to be, and once when it is again. */
function compare(tools: PowerWatchTools, machine: Known, seen: PowerState): void {
  const { asked, node } = machine;
  const { clock, record } = tools;
  if (asked === undefined) return;
  const tell = (kind: string) =>
    record({ node: node.name, mac: undefined, kind, detail: { asked, seen } });
  if (asked === seen) {
    machine.doubtMs = undefined;
    if (machine.differs) tell("power-as-asked");
    machine.differs = false;
    return;
  }
  if (machine.differs || machine.holders > 0 || tools.operating().has(node.name)) {
    machine.doubtMs = undefined;
    return;
  }
  if (machine.doubtMs === undefined) machine.doubtMs = clock.now();
  else if (clock.now() - machine.doubtMs >= doubtMs) {
    machine.differs = true;
    machine.doubtMs = undefined;
    tell("power-differs");
  }
}
