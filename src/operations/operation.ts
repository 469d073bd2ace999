// An operation as it is kept: a list of steps for one node, with what each was told and when.
// The store implements the port; the runner is the only one that moves an operation along.

export type StepStatus = "pending" | "running" | "waiting" | "done" | "failed";

export type Evidence = Readonly<Record<string, unknown>>;

export interface StepRecord {
  readonly id: string;
  readonly title: string;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly startedAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  /** The newest thing the step had to say, for people who watch. */
  readonly lastLine: string | undefined;
  /** What was asked and answered; also what the step must remember over a restart. */
  readonly evidence: Evidence;
}

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
  readonly kind: "provision";
  readonly node: string;
  /** The nodes asked for in the same request, in that order, this one among them. */
  readonly batch: readonly string[];
  readonly confirmed?: Confirmation | undefined;
  readonly status: OperationStatus;
  readonly cancelRequested: boolean;
  readonly steps: readonly StepRecord[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly failure: Failure | undefined;
}

export interface OperationStore {
  create(operations: readonly Operation[]): void;
  operation(id: string): Operation | undefined;
  /** Newest first; only those still running when asked. */
  operations(query: { readonly running: boolean }): Operation[];
  /** The one that runs for a node; there is never more than one. */
  runningFor(node: string): Operation | undefined;
  saveStep(operationId: string, step: StepRecord): void;
  finish(operationId: string, status: OperationStatus, failure: Failure | undefined): void;
  requestCancel(operationId: string): void;
}

/** Who may form the cluster. Set once, before the first install, and never taken back by the program. */
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
}
