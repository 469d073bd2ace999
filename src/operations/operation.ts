// An operation as it is kept: a list of steps for one node, with what each was told and when.
// The store implements the port; the runner is the only one that moves an operation along.

import { layers } from "../cluster/driver.ts";

export type StepStatus = "pending" | "running" | "waiting" | "done" | "failed";

export type Evidence = Readonly<Record<string, unknown>>;

export interface StepRecord {
  readonly id: string;
  readonly title: string;
  /** The one of several nodes that it is about. */
  readonly node: string | undefined;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  /** The newest thing the step had to say, for people who watch. */
  readonly lastLine: string | undefined;
  /** What was asked and answered; also what the step must remember over a restart. */
  readonly evidence: Evidence;
}

export const operationKinds = [
  "provision",
  "add",
  "replace",
  "reprovision",
  "decommission",
  "drain",
  "undrain",
  "update",
  "rollback",
  "rotate-certificates",
  "backup",
  "restore",
  "disaster-recover",
] as const;

export type OperationKind = (typeof operationKinds)[number];

export type OperationStatus = "running" | "done" | "failed" | "cancelled";

/** Why an operation ended badly: the step, what happened, and what a person should do next. */
export interface Failure {
  readonly stage: string;
  readonly reason: string;
  readonly next: string;
}

/** What an operator typed beyond the node's name, so that a guard lets the install through. */
export interface Confirmation {
  /** Data on its disk that is not from here may be erased. */
  readonly eraseData: boolean;
  /** Disks that may stand behind a name which meant others at the last install. */
  readonly diskSerials: readonly string[];
}

export interface Operation {
  readonly id: string;
  readonly kind: OperationKind;
  /** The node it is about; the cluster's name where it is about several. */
  readonly node: string;
  /** The nodes that no other operation may touch while it runs. */
  readonly nodes: readonly string[];
  /** The nodes asked for in the same request, in that order, this one among them. */
  readonly batch: readonly string[];
  readonly confirmed?: Confirmation | undefined;
  /** What was ordered beyond the nodes, as the verb of its kind reads it. */
  readonly parameters: Evidence;
  /** It takes machines or members away, or may: it runs alone in its cluster. */
  readonly disruptive: boolean;
  /** The nodes whose names were typed to go against the quorum budget. */
  readonly forced: readonly string[];
  readonly status: OperationStatus;
  readonly cancelRequested: boolean;
  readonly steps: readonly StepRecord[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly failure: Failure | undefined;
}

/** Operations, newest first, that are looked through for one of a kind. */
export const mostLooked = 1000;

export interface OperationStore {
  create(operations: readonly Operation[]): void;
  operation(id: string): Operation | undefined;
  /** Newest first; only those still running when asked. */
  operations(query: { readonly running: boolean }): Operation[];
  /** The newest `limit` of all, newest first; of their steps neither what they found nor what they said last. */
  outlines(limit: number): Operation[];
  /** The one that has a node to itself; there is never more than one. */
  runningFor(node: string): Operation | undefined;
  /** The disruptive one that runs; there is never more than one. */
  disruptive(): Operation | undefined;
  saveStep(operationId: string, step: StepRecord): void;
  finish(operationId: string, status: OperationStatus, failure: Failure | undefined): void;
  requestCancel(operationId: string): void;
  /**
   * Has an operation that ended badly run again, from the step where it stopped; first the steps `again`, though they were done. Throws
   * when its nodes are taken meanwhile.
   */
  reopen(operationId: string, again: readonly string[]): void;
}

/** A running operation without steps, as ordered; what is not given is empty. */
export function newOperation(
  given: Pick<Operation, "id" | "kind" | "node" | "createdAtMs"> & Partial<Operation>,
): Operation {
  return {
    nodes: [given.node],
    batch: [given.node],
    parameters: {},
    disruptive: false,
    forced: [],
    status: "running",
    cancelRequested: false,
    steps: [],
    endedAtMs: undefined,
    failure: undefined,
    ...given,
  };
}

/** A step before its first attempt. */
export function newStep({
  id,
  title,
  node,
}: Pick<StepRecord, "id" | "title"> & { readonly node?: string | undefined }): StepRecord {
  return {
    ...{ id, title, node, status: "pending", attempts: 0 },
    ...{ startedAtMs: undefined, endedAtMs: undefined, lastLine: undefined, evidence: {} },
  };
}

/** What a step does, whichever node or layer it does it to: `test` for the step `test-node02`. */
export function stepKind({
  id,
  node,
}: {
  readonly id: string;
  readonly node?: string | undefined;
}): string {
  const about = [node, ...layers].find((name) => name !== undefined && id.endsWith(`-${name}`));
  return about === undefined ? id : id.slice(0, -about.length - 1);
}

/** The step that an operation is at: the first that has not ended well. Undefined when all have. */
export function openStep({ steps }: Pick<Operation, "steps">): StepRecord | undefined {
  return steps.find(({ status }) => status !== "done");
}

/** Who may form the cluster. Set once, before the first install, and taken back only where an operator typed that the cluster is lost. */
export interface BootstrapClaim {
  readonly cluster: string;
  /** Undefined for a cluster that was found alive and not formed from here. */
  readonly node: string | undefined;
  readonly claimedAtMs: number;
  /** When a member of the cluster was first seen to answer. After that nobody bootstraps. */
  readonly initialisedAtMs: number | undefined;
}

export interface ClusterStore {
  claim(cluster: string): BootstrapClaim | undefined;
  /** Claims the bootstrap for `node` unless someone has it, and returns whoever has it now. */
  claimBootstrap(cluster: string, node: string): BootstrapClaim;
  markInitialised(cluster: string): void;
  /** The cluster counts as never formed from now on, and `node` alone is to form it. Only where its old members can't come back. */
  formAnew(cluster: string, node: string): void;
  /** `node` has formed it, whoever did before: nobody may any more. */
  markFormedBy(cluster: string, node: string): void;
}
