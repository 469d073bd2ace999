// rackstrap explain: what a machine would boot now, and why.

import type { Command } from "commander";
import { type Explanation, explanationShape } from "../api/shapes.ts";
import { eventLines } from "./events.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

export function addExplainCommand(program: Command, done: Done): void {
  program
    .command("explain")
    .description("what a machine would boot now, why, and what happened to it last")
    .argument("<subject>", "name of a node, or the MAC of any machine")
    .action(async (subject: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/explain/${encodeURIComponent(subject)}`;
      const explanation = await connect(options).get(path, explanationShape);
      print(options, explanation, () => explanationLines(explanation));
      done(exitCodes.ok);
    });
}

function explanationLines(explanation: Explanation): string[] {
  const { node, mac, state, boot, reason, stage, drift, facts = {}, events } = explanation;
  const line = (label: string, value: string | undefined) =>
    value === undefined ? [] : [printable(`${label.padEnd(8)}${value}`)];
  return [
    ...line("node", node),
    ...line("mac", mac),
    ...line("state", state),
    ...line("boots", boot),
    ...line("because", reason),
    ...line("came to", stage?.name),
    ...line("likely", stage?.likely),
    ...line("drift", drift),
    ...Object.entries(facts).map(([name, value]) => printable(`said    ${name}: ${value}`)),
    ...(events.length === 0 ? [] : ["", ...eventLines(events)]),
  ];
}
