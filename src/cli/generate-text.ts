// What `rackstrap generate` shows of its plan: a difference for each file, what was edited by hand, and the counts. Pure.

import type { Action } from "../generate/plan.ts";
import { unifiedDiff } from "../inventory/unified-diff.ts";
import { printable } from "./table.ts";

type Kind = Action["kind"];

const counted: readonly (readonly [Kind, string])[] = [
  ["create", "new"],
  ["update", "changed"],
  ["remove", "no longer made"],
  ["keep", "unchanged"],
  ["edited", "edited by hand"],
  ["blocked", "blocked"],
];

/** The difference that the action makes to its file. */
export function actionDiff(action: Action): string[] {
  const { path, kind } = action;
  const names = { from: `a/${path}`, to: `b/${path}` };
  switch (kind) {
    case "create":
      return safely(unifiedDiff(names, undefined, action.text));
    case "update":
      return safely(unifiedDiff(names, action.before.text, action.text));
    case "remove":
      return safely(unifiedDiff(names, action.before.text, undefined));
    case "edited":
      return editedLines(action);
    case "keep":
    case "forget":
    case "blocked":
      return [];
  }
}

/** What the edit is, and beside it what would be written: both against what was written last, where that is known. */
function editedLines(action: Extract<Action, { kind: "edited" }>): string[] {
  const { path, disk, written, text, foreign } = action;
  const at = (name: string) => `${path} (${name})`;
  const edit =
    written === undefined
      ? []
      : unifiedDiff({ from: at("as generated"), to: at("as edited") }, written, disk.text);
  const base = written ?? disk.text;
  const from = at(written === undefined ? "as it is" : "as generated");
  const wanted = unifiedDiff({ from, to: at("as it would be generated") }, base, text);
  return [
    ...(edit.length === 0 ? [] : [`${path}: the edit`, ...safely(edit)]),
    ...(wanted.length === 0
      ? [`${path}: what would be generated has not changed`]
      : [`${path}: what would be generated`, ...safely(wanted)]),
    foreign
      ? `${path} was not written by generate`
      : `${path} was edited by hand${text === undefined ? ", and is no longer made" : ""}`,
  ];
}

/** What is left alone and why, with the remedy for each. */
export function refusedLines(actions: readonly Action[]): string[] {
  return actions.flatMap((action) => {
    if (action.kind === "blocked")
      return [printable(`blocked: ${action.path}: ${action.why}`), "  next: move it away"];
    if (action.kind !== "edited") return [];
    const what = action.foreign ? "was not written by generate" : "was edited by hand";
    const verb = action.text === undefined ? "remove" : "overwrite";
    return [
      `left alone: ${action.path} ${what}`,
      `  next: move the change into the inventory or the node's local.nix, or ${verb} it: --force ${action.path}`,
    ];
  });
}

/** `14 files: 3 new, 1 changed, …`, with those kinds that there are. */
export function countLine(actions: readonly Action[]): string {
  const shown = actions.filter(({ kind }) => kind !== "forget");
  const parts = counted.flatMap(([kind, name]) => {
    const count = shown.filter((action) => action.kind === kind).length;
    return count === 0 ? [] : [`${count} ${name}`];
  });
  const noun = shown.length === 1 ? "file" : "files";
  return `${shown.length} ${noun}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}`;
}

/** Files that people edited may hold anything; tabs are common, and a patch needs them as they are. */
function safely(lines: readonly string[]): string[] {
  return lines.map((line) => line.split("\t").map(printable).join("\t"));
}
