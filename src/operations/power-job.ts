// A power job as it is drawn up: which machines, in what order, when, and which of them not. Pure.

import type { BmcFailureKind } from "../bmc/bmc.ts";
import { planStarts, type StartLimits } from "../bmc/power-plan.ts";
import type { PowerVerb } from "../bmc/power-verbs.ts";
import type { Node } from "../inventory/schema.ts";

/**
 * `waiting` for its turn; `asked`: its BMC is at it; `done`: seen; `accepted`: a reset that the BMC took; `uncertain`: a reset whose
 * answer was lost; `refused`: not tried, for the reason given.
 */
export const powerStatuses = [
  "waiting",
  "asked",
  "done",
  "accepted",
  "uncertain",
  "failed",
  "refused",
] as const;

export type PowerStatus = (typeof powerStatuses)[number];

/** Besides what a BMC says: `cancelled` before its turn or with the server, `fault` of ours. */
export type PowerFailureKind = BmcFailureKind | "refused" | "cancelled" | "fault";

/** One machine of a job. Times are milliseconds since the epoch. */
export interface PowerTask {
  readonly node: string;
  readonly group: string | undefined;
  readonly status: PowerStatus;
  /** Its turn by the plan. */
  readonly startAtMs: number;
  readonly askedAtMs?: number;
  readonly endedAtMs?: number;
  readonly failure?: { readonly kind: PowerFailureKind; readonly reason: string };
}

export interface PowerJob {
  readonly id: string;
  readonly verb: PowerVerb;
  readonly createdAtMs: number;
  /** When the last of its machines had ended. */
  readonly endedAtMs: number | undefined;
  /** In the order of their turns; those that are refused come last. */
  readonly tasks: readonly PowerTask[];
}

export interface PowerOrder {
  readonly verb: PowerVerb;
  readonly nodes: readonly Node[];
  /** Also those that an operation is at work on. */
  readonly despiteOperations: boolean;
}

/** Who is at work on a node: the ids of a power job and of an operation. */
export interface AtWork {
  readonly job: string | undefined;
  readonly operation: string | undefined;
}

const starting: ReadonlySet<PowerVerb> = new Set(["on", "cycle", "reset"]);

/** The tasks of an order as they begin. Only what starts a machine has to wait for its turn. */
export function draftTasks(
  { verb, nodes, despiteOperations }: PowerOrder,
  limits: StartLimits,
  nowMs: number,
  atWork: (node: string) => AtWork,
): PowerTask[] {
  const judged = nodes.map((node) => ({
    node,
    group: node.powerGroup,
    reason: refusal(verb, despiteOperations, atWork(node.name)),
  }));
  const accepted = judged.filter(({ reason }) => reason === undefined);
  const planned = starting.has(verb)
    ? planStarts(accepted, limits)
    : accepted.map((machine) => ({ machine, startMs: 0 }));
  return [
    ...planned.map(({ machine, startMs }): PowerTask => {
      const { node, group } = machine;
      return { node: node.name, group, status: "waiting", startAtMs: nowMs + startMs };
    }),
    ...judged.flatMap(({ node, group, reason }): PowerTask[] => {
      if (reason === undefined) return [];
      const times = { startAtMs: nowMs, endedAtMs: nowMs };
      const failure = { kind: "refused", reason } as const;
      return [{ node: node.name, group, status: "refused", ...times, failure }];
    }),
  ];
}

function refusal(
  verb: PowerVerb,
  despiteOperations: boolean,
  { job, operation }: AtWork,
): string | undefined {
  if (verb === "status") return undefined;
  if (job !== undefined)
    return `the power job ${job} is at work on it: see rackstrap power show ${job}, or rackstrap power cancel ${job}`;
  // Switching on is what an operation wants as well.
  if (operation === undefined || verb === "on" || despiteOperations) return undefined;
  return `the operation ${operation} is at work on it: see rackstrap operations show ${operation}, or give --despite-operations`;
}

export function isOver({ status }: PowerTask): boolean {
  return status !== "waiting" && status !== "asked";
}
