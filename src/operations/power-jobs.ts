// Switches many machines, each on its own: one that fails stops no other. A job goes on when nobody watches, and is kept for an
// hour in memory; what was asked for is in the timeline.

import { type Bmc, BmcError, mayBeDone } from "../bmc/bmc.ts";
import type { Clock } from "../bmc/clock.ts";
import { carryOut, type PowerVerb } from "../bmc/power-verbs.ts";
import type { Slots } from "../bmc/slots.ts";
import type { Stagger } from "../bmc/stagger.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { NewEvent } from "../nodes/ports.ts";
import { draftTasks, isOver, type PowerJob, type PowerOrder, type PowerTask } from "./power-job.ts";
import type { PowerWatch } from "./power-watch.ts";

export interface PowerJobs {
  /** What `start` would begin with, without beginning. */
  plan(order: PowerOrder): Pick<PowerJob, "createdAtMs" | "tasks">;
  start(order: PowerOrder): PowerJob;
  job(id: string): PowerJob | undefined;
  /** Newest first. */
  jobs(): readonly PowerJob[];
  /** The id of the job that changes the power of a node, or is about to. */
  runningFor(node: string): string | undefined;
  /** Leaves those alone whose turn has not come, and waits for no shutdown; undefined when there is no such job. */
  cancel(id: string): PowerJob | undefined;
  /** Ends every job where it stands. */
  close(): Promise<void>;
}

export interface PowerJobTools {
  readonly settings: () => Inventory["power"];
  readonly bmc: (node: Node) => Bmc;
  readonly watch: Pick<PowerWatch, "asked" | "askedNoMore" | "hold">;
  /** The id of the operation that is at work on a node. */
  readonly operation: (node: string) => string | undefined;
  /** Writes to the timeline; never throws. */
  readonly record: (event: NewEvent) => void;
  readonly stagger: Stagger;
  readonly slots: Slots;
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly onFault: (node: string, error: unknown) => void;
}

/** A task that moves along. */
interface Cell {
  task: PowerTask;
  /** Aborts it while nothing would be left half done. */
  readonly left: AbortController;
}

interface Job {
  readonly id: string;
  readonly verb: PowerVerb;
  readonly createdAtMs: number;
  readonly cells: readonly Cell[];
}

const keptMs = 3_600_000;
const keptJobs = 200;

/** What a machine is to be when the verb is done. */
const wanted = { on: "on", cycle: "on", reset: "on", off: "off", soft: "off" } as const;

export function createPowerJobs(tools: PowerJobTools): PowerJobs {
  const jobs = new Map<string, Job>();
  const atWork = new Map<string, string>();
  const running = new Set<Promise<void>>();
  const closing = new AbortController();
  const draft = (order: PowerOrder) => {
    const createdAtMs = tools.now();
    const tasks = draftTasks(order, tools.settings(), createdAtMs, (node) => ({
      job: atWork.get(node),
      operation: tools.operation(node),
    }));
    return { createdAtMs, tasks };
  };
  const begin = (job: Job, cell: Cell, node: Node) => {
    const { name } = node;
    if (job.verb !== "status") atWork.set(name, job.id);
    const ended = run(tools, job, cell, node, closing.signal).finally(() => {
      running.delete(ended);
      if (atWork.get(name) === job.id) atWork.delete(name);
    });
    running.add(ended);
  };
  return {
    plan: draft,
    start: (order) => {
      forget(jobs, tools.now());
      const { createdAtMs, tasks } = draft(order);
      const cells = tasks.map((task): Cell => ({ task, left: new AbortController() }));
      const job = { id: tools.newId(), verb: order.verb, createdAtMs, cells };
      jobs.set(job.id, job);
      const nodes = new Map(order.nodes.map((node) => [node.name, node]));
      for (const cell of cells) {
        const node = nodes.get(cell.task.node);
        if (node !== undefined && !isOver(cell.task)) begin(job, cell, node);
      }
      return snapshot(job);
    },
    job: (id) => {
      forget(jobs, tools.now());
      const job = jobs.get(id);
      return job && snapshot(job);
    },
    jobs: () => {
      forget(jobs, tools.now());
      return [...jobs.values()].map(snapshot).toReversed();
    },
    runningFor: (node) => atWork.get(node),
    cancel: (id) => {
      const job = jobs.get(id);
      for (const { task, left } of job?.cells ?? [])
        if (task.status === "waiting") left.abort(new Error("cancelled: nothing was done"));
        else if (job?.verb === "soft")
          left.abort(new Error("no longer waited for: it may shut down yet"));
      return job && snapshot(job);
    },
    close: async () => {
      closing.abort(new Error("the server stopped: read its power state"));
      await Promise.all(running);
    },
  };
}

function snapshot({ id, verb, createdAtMs, cells }: Job): PowerJob {
  const tasks = cells.map(({ task }) => task);
  const endedAtMs = tasks.every(isOver)
    ? Math.max(createdAtMs, ...tasks.map((task) => task.endedAtMs ?? createdAtMs))
    : undefined;
  return { id, verb, createdAtMs, endedAtMs, tasks };
}

/** Drops the jobs that ended long ago, and the oldest ended ones when there are many. */
function forget(jobs: Map<string, Job>, nowMs: number): void {
  for (const [id, job] of jobs) {
    const { endedAtMs } = snapshot(job);
    if (endedAtMs !== undefined && (nowMs - endedAtMs > keptMs || jobs.size > keptJobs))
      jobs.delete(id);
  }
}

/** One machine from its turn to its end. Never rejects. */
async function run(
  tools: PowerJobTools,
  { id, verb }: Job,
  cell: Cell,
  node: Node,
  closing: AbortSignal,
): Promise<void> {
  const release = verb === "status" ? () => {} : tools.watch.hold(node.name);
  const signal = AbortSignal.any([cell.left.signal, closing]);
  const onAsked = () => {
    cell.task = { ...cell.task, status: "asked", askedAtMs: tools.now() };
    if (verb !== "status") tools.watch.asked(node.name, wanted[verb], { action: verb, job: id });
  };
  try {
    await tools.clock.sleep(Math.max(0, cell.task.startAtMs - tools.now()), signal);
    signal.throwIfAborted();
    await carryOut(tools.bmc(node), verb, verbTools(tools, node, onAsked), signal);
    cell.task = { ...cell.task, status: verb === "reset" ? "accepted" : "done" };
  } catch (error) {
    const { status } = cell.task;
    cell.task = { ...cell.task, ...outcome(tools, verb, cell.task, error, signal) };
    // Nobody waits for the shutdown, so a machine that stays on is no surprise.
    if (verb === "soft" && status === "asked" && error === cell.left.signal.reason)
      tools.watch.askedNoMore(node.name, { action: verb, job: id });
  } finally {
    cell.task = { ...cell.task, endedAtMs: tools.now() };
    release();
    tell(tools, id, verb, cell.task);
  }
}

function verbTools(tools: PowerJobTools, node: Node, onAsked: () => void) {
  const { clock, slots, stagger, settings } = tools;
  return {
    node: node.name,
    subject: `node ${node.name} (BMC ${node.bmc.address})`,
    turn: (signal: AbortSignal) => stagger.turn(node.powerGroup, signal),
    softOffMs: settings().softOffSeconds * 1000,
    ...{ clock, slots, onAsked },
  };
}

function outcome(
  tools: PowerJobTools,
  verb: PowerVerb,
  { node, status }: PowerTask,
  error: unknown,
  signal: AbortSignal,
): Pick<PowerTask, "status" | "failure"> {
  if (error instanceof BmcError) {
    const uncertain = verb === "reset" && status === "asked" && mayBeDone(error);
    const failure = { kind: error.kind, reason: error.message };
    return { status: uncertain ? "uncertain" : "failed", failure };
  }
  if (signal.aborted)
    return { status: "failed", failure: { kind: "cancelled", reason: messageOf(signal.reason) } };
  tools.onFault(node, error);
  const reason = "unexpected fault: read the server's log";
  return { status: "failed", failure: { kind: "fault", reason } };
}

function tell(tools: PowerJobTools, job: string, verb: PowerVerb, task: PowerTask): void {
  const { node, failure, status } = task;
  if (verb === "status" || failure?.kind === "cancelled") return;
  tools.record({
    node,
    mac: undefined,
    kind: failure === undefined ? "power-set" : "power-failed",
    detail: {
      ...{ action: verb, job, status },
      ...(failure && { failure: failure.kind, reason: failure.reason }),
    },
  });
}
