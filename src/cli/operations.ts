// rackstrap operations list | show | cancel: what was asked of the server and what became of it.

import type { Command } from "commander";
import { operationShape, operationsAnswer } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { failureLines, findings, progressTable, stepTable } from "./progress.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";

export function addOperationsCommand(program: Command, done: Done): void {
  const operations = program.command("operations").description("list, show or cancel operations");
  operations
    .command("list")
    .description("all operations, newest first")
    .action(async (_options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const answer = await connect(options).get("/api/operations", operationsAnswer);
      print(options, answer, () =>
        formatTable(
          ["OPERATION", "KIND", "NODE", "STATUS", "STARTED"],
          answer.operations.map(({ id, kind, node, status, createdAtMs }) => [
            id,
            kind,
            node,
            status,
            formatTime(createdAtMs),
          ]),
        ),
      );
      done(exitCodes.ok);
    });
  operations
    .command("show")
    .description("one operation with its steps")
    .argument("<id>", "the operation")
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/operations/${encodeURIComponent(id)}`;
      const operation = await connect(options).get(path, operationShape);
      print(options, operation, () => [
        ...progressTable([operation], Date.now()),
        "",
        ...stepTable(operation, Date.now()),
        ...findings(operation),
        ...failureLines(operation),
      ]);
      done(exitCodes.ok);
    });
  operations
    .command("cancel")
    .description("ask a running operation to stop")
    .argument("<id>", "the operation")
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/operations/${encodeURIComponent(id)}/cancel`;
      const operation = await connect(options).post(path, undefined, operationShape);
      print(options, operation, () => [
        `${operation.node}: asked to stop; see rackstrap operations show ${operation.id}`,
      ]);
      done(exitCodes.ok);
    });
}
