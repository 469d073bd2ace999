// What an order would do, as lines of text. Pure.

import type { OrderRequest, PlanView } from "../api/operation-shapes.ts";
import { formatTable, printable } from "./table.ts";

const columns = 100;

/** The steps in their order, what is lost, the quorum sums, and whether it would be begun. */
export function planLines(order: OrderRequest, plan: PlanView): string[] {
  const { operations, destroys, quorum, notes, refusals } = plan;
  return [
    ...operations.flatMap((operation) => [...operationLines(order, operation), ""]),
    ...section("destroys", destroys),
    ...section("quorum", quorum),
    ...section("note", notes),
    ...refusals.flatMap(({ reason, next }) => [
      printable(`refused: ${reason}`),
      printable(`  next: ${next}`),
    ]),
    refusals.length > 0 ? "nothing was changed" : "nothing was changed: give --execute to do this",
  ];
}

function operationLines(
  { verb }: OrderRequest,
  { node, steps }: PlanView["operations"][number],
): string[] {
  const several = steps.some((step) => step.node !== undefined && step.node !== node);
  const rows = steps.map((step, index) => [
    `${index + 1}`,
    ...(several ? [step.node ?? ""] : []),
    step.title,
  ]);
  const header = ["", ...(several ? ["NODE"] : []), "STEP"];
  return [`${verb} ${node}:`, ...formatTable(header, rows, columns)];
}

function section(name: string, lines: readonly string[]): string[] {
  return lines.map((line) => printable(`${name}: ${line}`));
}
