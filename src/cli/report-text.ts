// A report of lines as text: one block for each area, and the sum. Pure.

import type { ReportLine } from "../preflight/line.ts";
import { printable } from "./table.ts";

const marks = { ok: "ok     ", warning: "warning", error: "error  " } as const;

/** The lines of one area below its name, after an empty line; nothing where it has none. */
export function areaLines<A extends string>(area: A, lines: readonly ReportLine<A>[]): string[] {
  const found = lines.filter((line) => line.area === area);
  return found.length === 0 ? [] : ["", area, ...found.flatMap(lineOf)];
}

export function countsOf(lines: readonly ReportLine<string>[]): string {
  const count = (level: ReportLine<string>["level"]) =>
    lines.filter((line) => line.level === level).length;
  return `${count("error")} errors, ${count("warning")} warnings, ${count("ok")} ok`;
}

function lineOf({ title, level, detail, next }: ReportLine<string>): string[] {
  const line = printable(`  ${marks[level]}  ${title}: ${detail}`);
  return next === undefined ? [line] : [line, printable(`           next: ${next}`)];
}
