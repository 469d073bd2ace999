// rackstrap drift: where machines are not what the inventory says of them.

import type { Command } from "commander";
import { type DriftView, driftAnswer } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";

export function addDriftCommand(program: Command, done: Done): void {
  program
    .command("drift")
    .description(
      "compare what machines said of themselves with the inventory; exit 1 when it differs",
    )
    .argument("[nodes...]", "names of declared nodes; all when none is named")
    .action(async (nodes: string[], _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const named = new URLSearchParams(nodes.map((name): [string, string] => ["node", name]));
      const answer = await connect(options).get(`/api/drift?${named}`, driftAnswer);
      print(options, answer, () => driftLines(answer.nodes));
      const differs = answer.nodes.some(({ differences }) =>
        differences.some(({ kind }) => kind === "differs"),
      );
      done(differs ? exitCodes.failed : exitCodes.ok);
    });
}

const columns = 200;

function driftLines(nodes: readonly DriftView[]): string[] {
  const rows = nodes.flatMap(({ node, differences }) =>
    differences.map(({ kind, setting, declared, found }) => [node, kind, setting, declared, found]),
  );
  const unseen = nodes.filter(({ seenMs }) => seenMs === undefined).map(({ node }) => node);
  const agreeing = nodes.filter(
    ({ seenMs, differences }) => seenMs !== undefined && differences.length === 0,
  );
  return [
    ...(rows.length === 0
      ? []
      : formatTable(["NODE", "KIND", "SETTING", "INVENTORY", "MACHINE"], rows, columns)),
    ...agreeing.map(
      ({ node, seenMs = 0 }) => `${node}: as the inventory says, seen ${formatTime(seenMs)}`,
    ),
    ...(unseen.length === 0
      ? []
      : [`not seen yet: ${unseen.join(", ")} (a machine is looked at when its installer runs)`]),
  ];
}
