// Power jobs as lines of text: the plan, a table that is drawn again in place, a line for each change, the end. Pure.

import type {
  PowerJobView,
  PowerPlanView,
  PowerStateView,
  PowerTaskView,
} from "../api/power-shapes.ts";
import { formatDuration, formatTable, printable } from "./table.ts";

const columns = 100;

/** `on 12s`: what was read, and how long ago. `unknown (timeout), on 5m02s` for what can't be read now. */
export function powerText(power: PowerStateView, nowMs: number): string {
  const { state, last, readAtMs, failure, asked, differs } = power;
  const reading =
    last === undefined || readAtMs === undefined
      ? undefined
      : `${last} ${formatDuration(nowMs - readAtMs)}`;
  const unknown = failure === undefined ? "unknown" : `unknown (${failure.kind})`;
  return [
    state === "unknown" ? unknown : undefined,
    reading,
    differs && asked !== undefined ? `asked ${asked}` : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}

/** Order and times, before anything is done. */
export function planTable({ tasks, createdAtMs }: PowerPlanView): string[] {
  return [
    ...formatTable(
      ["NODE", "GROUP", "START", "POWER"],
      tasks.map((task) => [
        task.node,
        task.group ?? "-",
        task.status === "refused"
          ? "refused"
          : `+${((task.startAtMs - createdAtMs) / 1000).toFixed(2)}s`,
        powerText(task.power, createdAtMs),
      ]),
      columns,
    ),
    ...tasks.flatMap(failureLines),
  ];
}

/** The live table: at most `rows` lines, of which the last says how many machines are not shown. */
export function powerTable(
  job: PowerJobView,
  nowMs: number,
  maxColumns = columns,
  rows = Number.POSITIVE_INFINITY,
): string[] {
  const room = Math.max(1, rows - 2);
  const fits = job.tasks.length <= room;
  // What is at work or went wrong is looked at first; what is done, last.
  const ordered = fits ? job.tasks : job.tasks.toSorted((a, b) => interest(a) - interest(b));
  const shown = fits ? ordered : ordered.slice(0, Math.max(1, room - 1));
  const table = formatTable(
    ["NODE", "GROUP", "STATUS", "POWER", "TIME", "WHY"],
    shown.map((task) => [
      task.node,
      task.group ?? "-",
      task.status,
      powerText(task.power, nowMs),
      timeText(task, nowMs),
      task.failure === undefined ? "" : `${task.failure.kind}: ${task.failure.reason}`,
    ]),
    maxColumns,
  );
  return [
    powerCounts(job),
    ...table,
    ...(fits ? [] : [`… and ${job.tasks.length - shown.length} more`]),
  ];
}

/** One line for each machine whose status is not what it was; the whole reasons are told at the end. */
export function powerChanges(before: PowerJobView | undefined, after: PowerJobView): string[] {
  const old = new Map(before?.tasks.map(({ node, status }) => [node, status]));
  return after.tasks
    .filter(({ node, status }) => status !== (old.get(node) ?? "waiting"))
    .map((task) => {
      const { node, status, failure } = task;
      return printable(
        `${node} ${status}${failure === undefined || status === "refused" ? "" : ` (${failure.kind})`}`,
      );
    });
}

/** The end: one line per machine, then the whole reason of each that did not make it. */
export function powerSummary(job: PowerJobView, nowMs: number): string[] {
  const table = formatTable(
    ["NODE", "GROUP", "RESULT", "POWER", "TOOK", "WHY"],
    job.tasks.map((task) => [
      task.node,
      task.group ?? "-",
      task.status,
      powerText(task.power, nowMs),
      timeText(task, nowMs),
      task.failure?.kind ?? "",
    ]),
    columns,
  );
  return [...table, ...job.tasks.flatMap(failureLines)];
}

export function succeeded({ status }: PowerTaskView): boolean {
  return status === "done" || status === "accepted";
}

function failureLines({ node, status, failure }: PowerTaskView): string[] {
  return failure === undefined ? [] : [printable(`${node} ${status}: ${failure.reason}`)];
}

function interest({ status }: PowerTaskView): number {
  if (status === "asked") return 0;
  if (status === "waiting") return 2;
  return status === "done" || status === "accepted" ? 3 : 1;
}

function timeText(task: PowerTaskView, nowMs: number): string {
  const { status, startAtMs, askedAtMs, endedAtMs } = task;
  if (status === "refused") return "-";
  if (status === "waiting")
    return startAtMs > nowMs ? `in ${formatDuration(startAtMs - nowMs)}` : "its turn";
  return formatDuration((endedAtMs ?? nowMs) - (askedAtMs ?? startAtMs));
}

/** `power on 1a2b3c4d: 16 machines, 2 asked, 11 waiting, 3 done`. */
export function powerCounts({ action, id, tasks }: PowerJobView): string {
  const counts = new Map<string, number>();
  for (const { status } of tasks.toSorted((a, b) => interest(a) - interest(b)))
    counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status}`);
  const machines = tasks.length === 1 ? "1 machine" : `${tasks.length} machines`;
  return `power ${action} ${id}: ${machines}, ${parts.join(", ")}`;
}
