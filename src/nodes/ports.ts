// What is known about each machine over time, as the rest of the program asks for it.
// The store implements this; nothing here knows how.

import type { MachineFacts } from "../install/machine-facts.ts";
import type { Mac } from "../net/mac.ts";
import type { DiskIdentity } from "./disk-identity.ts";
import type { MachineReport } from "./machine-report.ts";
import type { NodeEvent, NodeState } from "./state.ts";

export interface NodeRecord {
  readonly name: string;
  readonly state: NodeState;
  /** When the state was entered, milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** Permission to wipe one disk of one machine, once. Its id is random and never used again. */
export interface InstallIntent {
  readonly id: string;
  readonly node: string;
  readonly mac: Mac;
  /** As the inventory names it. */
  readonly disk: string;
  /** What that was on the live installer, of a mirror both: the only disks that may be written. Undefined until they are found. */
  readonly resolved?: readonly DiskIdentity[] | undefined;
  readonly operation: string;
  readonly armedAtMs: number;
  readonly expiresAtMs: number;
  /** Set when the wipe began. A consumed intent allows nothing any more. */
  readonly consumedAtMs: number | undefined;
}

/** What a machine said of itself last, through its installer. */
export interface KnownMachine {
  readonly atMs: number;
  readonly mac: Mac;
  readonly facts: MachineFacts;
}

/** What the last install here wrote to. What is on these disks is ours. */
export interface LastInstall {
  readonly atMs: number;
  readonly mac: Mac;
  /** How the inventory named the disk then. */
  readonly selector: string;
  readonly disks: readonly DiskIdentity[];
}

/** One line of what happened, in order. `node` is absent for machines that are not declared. */
export interface TimelineEvent {
  readonly id: number;
  readonly atMs: number;
  readonly node: string | undefined;
  readonly mac: Mac | undefined;
  readonly kind: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export type NewEvent = Omit<TimelineEvent, "id" | "atMs">;

/** A machine that asked for something and is in no inventory. */
export interface Discovered {
  readonly mac: Mac;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly address: string | undefined;
  /** What it said of itself: architecture, vendor class, machine GUID. */
  readonly facts: Readonly<Record<string, string>>;
  /** What the discovery image said of it last. */
  readonly report: StoredReport | undefined;
  /** When the image was last heard to wait there. */
  readonly waitingMs: number | undefined;
}

export interface StoredReport {
  readonly atMs: number;
  /** Where it came from. */
  readonly address: string;
  readonly machine: MachineReport;
}

export interface EventQuery {
  readonly afterId?: number | undefined;
  readonly node?: string;
  readonly mac?: Mac;
  readonly kinds?: readonly string[];
  readonly limit: number;
}

export interface NodeStore {
  /** The record of a node; one that was never touched is `registered`. */
  node(name: string): NodeRecord;
  /** Moves a node and appends the event in one transaction. Throws where the table forbids the move. */
  transition(name: string, event: NodeEvent, detail: Readonly<Record<string, unknown>>): NodeRecord;
  /** Records an intent and moves the node to `armed`, in one transaction. */
  arm(intent: Omit<InstallIntent, "consumedAtMs" | "resolved">): void;
  /** Binds the newest intent of a node to disks; false when it is bound to others, used, expired or replaced. */
  resolve(intentId: string, disks: readonly DiskIdentity[], nowMs: number): boolean;
  /** The newest intent of a node, used up or not. */
  intent(node: string): InstallIntent | undefined;
  /**
   * Uses the intent up, notes what is written to, and moves the node to `installing`, in one transaction; false when it was
   * used, expired or replaced, or is not bound to these very disks.
   */
  consume(
    intentId: string,
    disks: readonly DiskIdentity[],
    nowMs: number,
    detail: Readonly<Record<string, unknown>>,
  ): boolean;
  /** What was last written to its machine from here; nothing is known to be ours after it was decommissioned. */
  lastInstall(node: string): LastInstall | undefined;
  /** Keeps what a node's machine says of itself, in place of what it said before. */
  learn(node: string, machine: KnownMachine): void;
  machine(node: string): KnownMachine | undefined;
  /** Nodes whose machine said last that it has a card with this MAC, declared or not any more. */
  nodesWithCard(mac: Mac): readonly string[];
  /** Whether a wipe of the node ever began here. */
  wasInstalled(node: string): boolean;
  append(event: NewEvent): TimelineEvent;
  /**
   * Events after `afterId` in order, at most `limit`; without `afterId` the newest ones. Of one node and of some kinds where they are
   * named.
   */
  events(query: EventQuery): TimelineEvent[];
  /** Records a machine that is in no inventory; the facts of later sightings are merged in. */
  discover(mac: Mac, address: string | undefined, facts: Readonly<Record<string, string>>): void;
  discovered(): Discovered[];
  /** One of them, and its last reports that differ, newest first. */
  discovery(mac: Mac): (Discovered & { readonly reports: readonly StoredReport[] }) | undefined;
  /** Keeps what the discovery image says of its machine. How many machines and reports are kept is bounded: the oldest go. */
  reportMachine(address: string, machine: MachineReport): void;
  /** Notes that the image waits on a machine that has reported; false for any other. */
  noteWaiting(mac: Mac): boolean;
}
