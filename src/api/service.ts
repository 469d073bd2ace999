// What the API needs from the rest of the program. The composition root implements it from the store,
// the runner, the BMCs and the cluster drivers; nothing here knows how.

import type { CheckLine } from "../preflight/line.ts";
import type { BmcService } from "./bmc-service.ts";
import type { CertificateService } from "./certificates.ts";
import type { ConsoleService } from "./console-service.ts";
import type { DiagnosisView } from "./diagnosis-shapes.ts";
import type { DiscoveredService } from "./discovered-service.ts";
import type { GenerationsView } from "./generations.ts";
import type { InventoryService } from "./inventory-routes.ts";
import type { Metric } from "./metrics.ts";
import type { OperationService } from "./operation-service.ts";
import type { PowerJobView, PowerPlanView, PowerRequest } from "./power-shapes.ts";
import type {
  CheckRequest,
  DriftView,
  EventView,
  Explanation,
  Formation,
  LayerView,
  LeaseView,
  NodeView,
  Rendered,
} from "./shapes.ts";
import type { VerifyService } from "./verify-routes.ts";

/** An answer for people: why a request was not carried out. Each kind has one HTTP status, in errors.ts. */
export class Refusal extends Error {
  /** `unknown`: no such node, operation or stage. `conflict`: it exists and can't be done now. */
  readonly kind: "unknown" | "conflict";
  /** What to do instead. */
  readonly next: string | undefined;

  constructor(kind: Refusal["kind"], message: string, next?: string) {
    super(message);
    this.name = "Refusal";
    this.kind = kind;
    this.next = next;
  }
}

interface EventQuery {
  readonly afterId: number | undefined;
  readonly limit: number;
}

export interface PowerService {
  /**
   * Begins the action on every node, or refuses before the first when one is unknown. What becomes of each machine is in the
   * job; it goes on when the client goes away, for half a power cycle helps nobody.
   */
  power(request: PowerRequest): Promise<PowerJobView>;
  /** In what order and when `power` would begin; changes nothing. */
  powerPlan(request: PowerRequest): PowerPlanView;
  powerJob(id: string): PowerJobView;
  /** Newest first. */
  powerJobs(): readonly PowerJobView[];
  /** Leaves those machines alone whose turn has not come, waits for no shutdown, and returns the job as it stands. */
  cancelPower(id: string): PowerJobView;
}

/** Every method may throw a `Refusal`, or a `BmcError`; anything else that is thrown is a fault and answered as such. */
export interface Rackstrap
  extends PowerService,
    ConsoleService,
    BmcService,
    CertificateService,
    DiscoveredService,
    InventoryService,
    OperationService,
    VerifyService {
  nodes(): readonly NodeView[];
  nodeEvents(node: string, query: EventQuery): readonly EventView[];
  /** Of the node's system, as the node itself says. */
  generations(node: string): Promise<GenerationsView>;
  /** Every lease there is, ended ones too, by address. */
  leases(): Promise<readonly LeaseView[]>;
  /** `subject` is a node's name, full name or MAC, or the MAC of a machine in no inventory. */
  explain(subject: string): Explanation;
  /** How far a machine came and what keeps it: `subject` as for `explain`. Looks at it for up to ten seconds, and changes nothing. */
  diagnose(subject: string): Promise<DiagnosisView>;
  events(query: EventQuery): readonly EventView[];
  /** Of these nodes, or of all: where the machines are not what the inventory says. */
  drift(nodes: readonly string[] | undefined): readonly DriftView[];
  cluster(): Promise<readonly LayerView[]>;
  formation(): Promise<Formation>;
  render(node: string, stage: string): Rendered;
  /** What the running server finds wrong or right with itself and its inventory. */
  check(request: CheckRequest): Promise<readonly CheckLine[]>;
  /** The figures of now. */
  metrics(): Promise<readonly Metric[]>;
}
