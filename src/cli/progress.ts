// Operations as lines of text: a table that is redrawn, a line for each change, a table at the end. Pure.

import type { OperationView, StepView } from "../api/operation-shapes.ts";
import { cut, formatDuration, formatTable, printable } from "./table.ts";

const columns = 100;

/** The live table: one line per node with its step, the time in that step, and the last thing it said. */
export function progressTable(
  operations: readonly OperationView[],
  nowMs: number,
  maxColumns = columns,
): string[] {
  const rows = operations.map((operation) => {
    const step = currentStep(operation);
    return [
      operation.node,
      operation.status,
      position(operation),
      step === undefined ? "" : titleOf(operation, step),
      formatDuration(elapsedMs(operation, step, nowMs)),
      lastWords(operation, step),
    ];
  });
  return formatTable(["NODE", "STATUS", "STEP", "", "ELAPSED", "LAST"], rows, maxColumns);
}

/** One line for each node whose status, step or last line is not what it was; `before` may be empty. */
export function progressChanges(
  before: readonly OperationView[],
  after: readonly OperationView[],
  nowMs: number,
): string[] {
  return after.flatMap((operation) => {
    const old = before.find(({ id }) => id === operation.id);
    if (old !== undefined && changeKey(old) === changeKey(operation)) return [];
    const step = currentStep(operation);
    const total = formatDuration((operation.endedAtMs ?? nowMs) - operation.createdAtMs);
    const what =
      operation.status === "running" && step !== undefined
        ? `[${position(operation)}] ${titleOf(operation, step)}`
        : operation.status;
    const words = lastWords(operation, step);
    const line = `${operation.node} ${total} ${what}${words === "" ? "" : `: ${words}`}`;
    const told = old === undefined ? [] : findings(old);
    return [...findings(operation).filter((found) => !told.includes(found)), printable(line)];
  });
}

/** The end: one line per node, then for each that did not make it the stage, the reason and what to do next. */
export function summary(
  operations: readonly OperationView[],
  states: ReadonlyMap<string, string>,
  nowMs: number,
): string[] {
  const rows = operations.map((operation) => [
    operation.node,
    operation.status,
    states.get(operation.node) ?? "unknown",
    position(operation),
    formatDuration((operation.endedAtMs ?? nowMs) - operation.createdAtMs),
    operation.id,
  ]);
  const table = formatTable(
    ["NODE", "RESULT", "STATE", "STEPS", "TOOK", "OPERATION"],
    rows,
    columns,
  );
  return [...table, ...operations.flatMap(failureLines)];
}

/** Why an operation ended badly, in full: nothing is cut here. Empty when it did not. */
export function failureLines(operation: OperationView): string[] {
  const { failure, id, node, status } = operation;
  if (failure === undefined) return [];
  const { stage, reason, next } = failure;
  return [
    printable(`${node} ${status} at ${stage}: ${reason}`),
    printable(`  next: ${next}`),
    ...carryOnLines(id, failure),
  ];
}

function carryOnLines(
  id: string,
  { next, carryOn }: NonNullable<OperationView["failure"]>,
): string[] {
  if (carryOn === undefined) return [];
  const command = `rackstrap operations ${carryOn} ${id}`;
  // Some reasons name it themselves.
  return next.includes(command) ? [] : [`  then: ${command}${carryOnText[carryOn]}`];
}

const carryOnText = {
  resume: " (goes on with the step that it stopped in)",
  retry: " (from the beginning; shows the plan first)",
};

/** What steps found that a person should read whole: the disk that is written to. Nothing is cut here. */
export function findings({ node, steps }: OperationView): string[] {
  return steps.flatMap(({ id, evidence }) => {
    const summary = evidence?.["summary"];
    return typeof summary === "string" ? [printable(`${node} ${id}: ${summary}`)] : [];
  });
}

/** All steps of one operation with their times. */
export function stepTable(operation: OperationView, nowMs: number): string[] {
  const rows = operation.steps.map((step) => [
    step.id,
    step.status,
    step.startedAtMs === undefined
      ? ""
      : formatDuration((step.endedAtMs ?? operation.endedAtMs ?? nowMs) - step.startedAtMs),
    [titleOf(operation, step), step.lastLine ?? []].flat().join(": "),
  ]);
  return formatTable(["STEP", "STATUS", "TOOK", "WHAT"], rows, columns);
}

/** With the node's name where an operation is about several. */
function titleOf({ node }: OperationView, step: StepView): string {
  return step.node === undefined || step.node === node ? step.title : `${step.node}: ${step.title}`;
}

/** The step an operation is at: the first that is neither done nor skipped, the last when all are. */
function currentStep({ steps }: OperationView): StepView | undefined {
  return steps.find(({ status }) => status !== "done" && status !== "skipped") ?? steps.at(-1);
}

function position({ steps }: OperationView): string {
  const over = steps.filter(({ status }) => status === "done" || status === "skipped").length;
  return `${Math.min(over + 1, steps.length)}/${steps.length}`;
}

function elapsedMs(operation: OperationView, step: StepView | undefined, nowMs: number): number {
  if (operation.status !== "running") return (operation.endedAtMs ?? nowMs) - operation.createdAtMs;
  return step?.startedAtMs === undefined ? 0 : nowMs - step.startedAtMs;
}

function lastWords(operation: OperationView, step: StepView | undefined): string {
  const words = operation.status === "running" ? step?.lastLine : operation.failure?.reason;
  return cut(printable(words ?? ""), columns);
}

function changeKey(operation: OperationView): string {
  const step = currentStep(operation);
  return JSON.stringify([operation.status, step?.id, step?.status, lastWords(operation, step)]);
}
