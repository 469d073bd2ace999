// rackstrap diagnose: how far a machine came, what keeps it there, and what to do next. Changes nothing.

import type { Command } from "commander";
import { type DiagnosisView, diagnosisShape } from "../api/diagnosis-shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { cut, printable } from "./table.ts";
import { wrapped } from "./wrapped.ts";

export function addDiagnoseCommand(program: Command, done: Done): void {
  program
    .command("diagnose")
    .description("how far a machine came, what keeps it there, and one command to run next")
    .argument("<subject>", "name of a node, or the MAC of any machine")
    .action(async (subject: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/diagnose/${encodeURIComponent(subject)}`;
      const diagnosis = await connect(options).get(path, diagnosisShape);
      print(options, diagnosis, () => diagnosisLines(diagnosis));
      const isMissing = diagnosis.stages.some(({ status }) => status === "missing");
      done(isMissing ? exitCodes.failed : exitCodes.ok);
    });
}

const columns = 100;

/** One line for each stage, then the verdict. */
export function diagnosisLines(diagnosis: DiagnosisView): string[] {
  const { mac, node, state, operation, facts = {}, stages, verdict } = diagnosis;
  const head = [node, state, mac].filter((word) => word !== undefined).join("  ");
  const width = Math.max(...stages.map(({ name }) => name.length));
  return [
    printable(head),
    ...Object.entries(facts).map(([name, value]) =>
      cut(printable(`said ${name}: ${value}`), columns),
    ),
    ...(operation === undefined
      ? []
      : [
          cut(printable(`operation ${operation.id}: ${operation.line ?? operation.step}`), columns),
        ]),
    "",
    ...stages.map(({ name, status, says }) =>
      cut(printable(`${status.padEnd(7)}  ${name.padEnd(width)}  ${says}`), columns),
    ),
    "",
    ...verdictLines(diagnosis, verdict),
  ];
}

function verdictLines({ stages }: DiagnosisView, verdict: DiagnosisView["verdict"]): string[] {
  const unknown = stages.filter(({ status }) => status === "unknown").length;
  if (verdict === undefined)
    return [
      `nothing is missing${unknown === 0 ? "" : `; ${unknown} stage(s) could not be looked at`}`,
    ];
  const says = stages.find(({ name }) => name === verdict.stage)?.says ?? "";
  const { stage, cause, runbook, means, confidence, next, lines } = verdict;
  const item = runbook === undefined ? "" : `, runbook ${runbook}`;
  return [
    ...field("verdict", `${stage}: ${says}`),
    ...field("cause", `${cause} (${confidence}${item})`),
    ...field("means", means),
    // Whole, so that it can be copied.
    `next     ${printable(next)}`,
    ...(lines.length === 0
      ? []
      : ["", ...lines.map((line) => cut(`  ${printable(line)}`, columns))]),
  ];
}

function field(label: string, text: string): string[] {
  const [first = "", ...others] = wrapped(printable(text), columns - 9);
  return [`${label.padEnd(9)}${first}`, ...others.map((line) => `${" ".repeat(9)}${line}`)];
}
