// Answers what the API is asked about power, from the jobs and what is known of each machine.

import type { Judgement } from "../cluster/judge.ts";
import { quorumBudget } from "../cluster/quorum.ts";
import type { Node } from "../inventory/schema.ts";
import { type OperationStore, openStep } from "../operations/operation.ts";
import type { PowerJob, PowerTask } from "../operations/power-job.ts";
import type { PowerJobs } from "../operations/power-jobs.ts";
import type { PowerWatch } from "../operations/power-watch.ts";
import type { PowerJobView, PowerRequest, PowerTaskView } from "./power-shapes.ts";
import { type PowerService, Refusal } from "./service.ts";

export interface PowerTools {
  readonly jobs: PowerJobs;
  readonly watch: Pick<PowerWatch, "view">;
  /** What the layers of the cluster say of themselves. */
  readonly cluster: () => Promise<readonly Judgement[]>;
  readonly operations: Pick<OperationStore, "disruptive">;
  /** The node of that name; throws a Refusal. */
  readonly declared: (name: string) => Node;
}

export function createPowerService(tools: PowerTools): PowerService {
  const { jobs, watch, declared } = tools;
  const task = (one: PowerTask): PowerTaskView => ({ ...one, power: watch.view(one.node) });
  const view = ({ verb, tasks, ...job }: PowerJob): PowerJobView => ({
    ...job,
    action: verb,
    tasks: tasks.map(task),
  });
  const order = ({ action, nodes, despiteOperations }: PowerRequest) => ({
    ...{ verb: action, despiteOperations },
    nodes: nodes.map(declared),
  });
  const known = (id: string, job: PowerJob | undefined): PowerJobView => {
    if (job !== undefined) return view(job);
    throw new Refusal(
      "unknown",
      `no power job has the id ${id}: they are kept for an hour, and not over a restart`,
      "see the machines themselves: rackstrap power status all",
    );
  };
  return {
    power: async (request) => {
      const meant = order(request);
      if (!request.despiteQuorum && disruptive.includes(request.action))
        guardQuorum(tools, await tools.cluster(), request);
      // In the same turn as the guard: another request may wait for the cluster's answer as well.
      return view(jobs.start(meant));
    },
    powerPlan: (request) => {
      const { createdAtMs, tasks } = jobs.plan(order(request));
      return { action: request.action, createdAtMs, tasks: tasks.map(task) };
    },
    powerJob: (id) => known(id, jobs.job(id)),
    powerJobs: () => jobs.jobs().map(view),
    cancelPower: (id) => known(id, jobs.cancel(id)),
  };
}

const disruptive: readonly PowerRequest["action"][] = ["off", "soft", "cycle", "reset"];

/**
 * Throws a Refusal when the machines are voters that a layer can't spare, with those that other jobs and a disruptive operation are taking
 * already: until they are down they look healthy. A cluster of which nobody answers has nothing left to lose here.
 */
function guardQuorum(
  { jobs, operations }: PowerTools,
  views: readonly Judgement[],
  { nodes }: PowerRequest,
): void {
  const operation = operations.disruptive();
  // Of several nodes an operation takes one at a time, but which is next is not known from here. That one alone may be the one to be rescued.
  const atWork = operation && openStep(operation)?.node;
  const taken = nodes.every((name) => name === atWork) ? [] : (operation?.nodes ?? []);
  for (const judgement of views) {
    const asked = judgement.voters.filter((voter) => nodes.includes(voter));
    const switched = judgement.voters.filter((voter) => jobs.runningFor(voter) !== undefined);
    const disrupted = judgement.voters.filter((voter) => taken.includes(voter));
    const budget = quorumBudget(judgement, [...new Set([...asked, ...switched, ...disrupted])]);
    if (asked.length === 0 || budget.allowed) continue;
    const beside =
      operation === undefined || disrupted.length === 0
        ? ""
        : ` (the operation ${operation.id} is at work: ${operation.kind} ${operation.node})`;
    throw new Refusal(
      "conflict",
      `${judgement.layer} would lose its majority: ${budget.sentence}${beside}`,
      "switch fewer of its members at a time, wait for what is at work, or say that this is meant: --despite-quorum",
    );
  }
}
