// What became of an inventory's files, in lines. Pure.

import type { InventoryVerdict } from "../api/inventory-shapes.ts";
import { isEmptyDiff, type SettingChange } from "../inventory/diff.ts";
import { formatProblem } from "../inventory/load.ts";
import { printable } from "./table.ts";

/** Whether the files can be in force. */
export function isSound({ problems, refused }: InventoryVerdict): boolean {
  return problems.length + refused.length === 0;
}

/** Whether the files say something else than what is in force. */
export function isDifferent({ diff, needsRestart }: InventoryVerdict): boolean {
  return !isEmptyDiff(diff) || needsRestart.length > 0;
}

/** `same` is the line for files that change nothing. */
export function verdictLines(verdict: InventoryVerdict, same: string): string[] {
  const { problems, refused, needsRestart, warnings } = verdict;
  const waiting = needsRestart.map((change) => `  ${changeLine(change)}`);
  const lines = [
    ...problems.map(formatProblem),
    ...diffLines(verdict),
    ...(waiting.length === 0 ? [] : ["takes effect when the server is started again:", ...waiting]),
    ...refused.flatMap(({ reason, next }) => [`refused: ${reason}`, `  next: ${next}`]),
    ...(isSound(verdict) ? [] : ["what was in force before still is"]),
  ];
  const told = warnings.map((warning) => `warning  ${formatProblem(warning)}`);
  return [...told, ...(lines.length === 0 ? [same] : lines)].map(printable);
}

function diffLines({ diff }: InventoryVerdict): string[] {
  return [
    ...diff.removed.map((node) => `- node ${node}`),
    ...diff.added.map((node) => `+ node ${node}`),
    ...diff.changed.flatMap(({ node, changes }) => [
      `~ node ${node}`,
      ...changes.map((change) => `    ${changeLine(change)}`),
    ]),
    ...diff.settings.map((change) => `~ ${changeLine(change)}`),
  ];
}

function changeLine({ path, from, to }: SettingChange): string {
  return `${path}: ${from ?? "not set"} -> ${to ?? "not set"}`;
}
