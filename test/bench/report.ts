// Figures by flat keys, `SERVER.MEASURE.PARAMETER`, their ratios, and the table a person reads. Pure.

import { formatTable } from "../../src/cli/table.ts";

/** Numbers by key; a measure that could not be taken has a note under the same key instead. */
export interface Findings {
  readonly figures: Record<string, number>;
  readonly notes: Record<string, string>;
}

/** One line of the table: a title, and the measures shown in it, separated by a slash. */
export interface Row {
  readonly title: string;
  readonly measures: readonly string[];
  readonly decimals: number;
}

/** `MEASURE.rackstrap/OTHER` for every measure that both have; none where the other's is 0. */
export function ratiosOf(
  { figures }: Findings,
  subject: string,
  others: readonly string[],
): Record<string, number> {
  const prefix = `${subject}.`;
  return Object.fromEntries(
    Object.entries(figures)
      .filter(([key]) => key.startsWith(prefix))
      .flatMap(([key, value]) => {
        const measure = key.slice(prefix.length);
        return others.flatMap((other): [string, number][] => {
          const compared = figures[`${other}.${measure}`] ?? 0;
          return compared === 0 ? [] : [[`${measure}.${subject}/${other}`, value / compared]];
        });
      }),
  );
}

/**
 * The table of all rows: a column for each server, the ratio of the subject to the first other one, and footnotes for
 * what was not measured. At most 100 columns.
 */
export function tableOf(
  findings: Findings,
  subject: string,
  servers: readonly string[],
  rows: readonly Row[],
): string[] {
  const [compared = ""] = servers.filter((server) => server !== subject);
  const ratios = ratiosOf(findings, subject, [compared]);
  const footnotes: string[] = [];
  const cell = (server: string, row: Row): string => {
    const keys = row.measures.map((measure) => `${server}.${measure}`);
    const values = keys.map((key) => format(findings.figures[key], row.decimals)).join(" / ");
    const note = findings.notes[keys[0] ?? ""];
    if (note === undefined) return values;
    if (!footnotes.includes(note)) footnotes.push(note);
    return `${values} (${footnotes.indexOf(note) + 1})`;
  };
  const ratio = (row: Row) =>
    row.measures
      .map((measure) => format(ratios[`${measure}.${subject}/${compared}`], 2))
      .join(" / ");
  const header = ["", ...servers, `${subject}/${compared}`];
  const lines = rows.map((row) => [
    row.title,
    ...servers.map((server) => cell(server, row)),
    ratio(row),
  ]);
  return [
    ...formatTable(header, lines),
    ...footnotes.map((note, index) => `(${index + 1}) ${note}`),
  ];
}

function format(value: number | undefined, decimals: number): string {
  if (value === undefined || Number.isNaN(value)) return "-";
  return value.toLocaleString("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}
