// Answers what the API is asked about power, from the jobs and what is known of each machine.

import type { Node } from "../inventory/schema.ts";
import type { PowerJob, PowerTask } from "../operations/power-job.ts";
import type { PowerJobs } from "../operations/power-jobs.ts";
import type { PowerWatch } from "../operations/power-watch.ts";
import type { PowerJobView, PowerRequest, PowerTaskView } from "./power-shapes.ts";
import { type PowerService, Refusal } from "./service.ts";

export interface PowerTools {
  readonly jobs: PowerJobs;
  readonly watch: Pick<PowerWatch, "view">;
  /** The node of that name; throws a Refusal. */
  readonly declared: (name: string) => Node;
}

export function createPowerService({ jobs, watch, declared }: PowerTools): PowerService {
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
    power: (request) => view(jobs.start(order(request))),
    powerPlan: (request) => {
      const { createdAtMs, tasks } = jobs.plan(order(request));
      return { action: request.action, createdAtMs, tasks: tasks.map(task) };
    },
    powerJob: (id) => known(id, jobs.job(id)),
    powerJobs: () => jobs.jobs().map(view),
    cancelPower: (id) => known(id, jobs.cancel(id)),
  };
}
