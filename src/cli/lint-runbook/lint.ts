// Applies the rules to a runbook's text. Pure and total: any text at all has findings or none.

import { type Rule, rules, type Severity } from "./rules.ts";
import { allCommands, excerpt, readRunbook } from "./runbook.ts";
import type { Command } from "./shell.ts";
import type { Place } from "./traps.ts";

export interface Finding {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  readonly remedy: string;
  readonly places: readonly Place[];
}

export interface Lint {
  readonly findings: readonly Finding[];
  /** Commands that were read, and those of them that no rule is about. */
  readonly commands: number;
  readonly unknown: number;
}

/** One finding for each rule that applies, with every line it applies to, in the order of the rules. */
export function lintRunbook(text: string): Lint {
  const runbook = readRunbook(text);
  const commands = allCommands(runbook);
  const findings = rules.flatMap((rule) => {
    const { finds, id, severity, message, remedy } = rule;
    const found =
      typeof finds === "function"
        ? finds(runbook)
        : commands
            .filter((command) => applies(rule, command))
            .map((command) => ({ line: command.line, text: excerpt(command) }));
    const places = onePerLine(found);
    return places.length === 0 ? [] : [{ rule: id, severity, message, remedy, places }];
  });
  const known = new Set(findings.flatMap(({ places }) => places.map(({ line }) => line)));
  const unknown = commands.filter(({ line }) => !known.has(line)).length;
  return { findings, commands: commands.length, unknown };
}

function applies({ finds }: Rule, command: Command): boolean {
  if (typeof finds === "function") return false;
  const { program, has, lacks } = finds;
  const isProgram = typeof program === "function" ? program(command) : program.test(command.name);
  return isProgram && has?.test(command.text) !== false && lacks?.test(command.text) !== true;
}

function onePerLine(places: readonly Place[]): Place[] {
  const lines = new Map<number, Place>();
  for (const place of places) if (!lines.has(place.line)) lines.set(place.line, place);
  return [...lines.values()].toSorted((a, b) => a.line - b.line);
}
