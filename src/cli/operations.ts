// rackstrap operations list | show | cancel | resume | retry: what was asked of the server and what became of it.

import type { Command } from "commander";
import {
  mostOperations,
  type OperationView,
  operationShape,
  operationsAnswer,
} from "../api/operation-shapes.ts";
import { CliError, exitCodes } from "./exit.ts";
import { carryOut, follow, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { failureLines, findings, progressTable, stepTable } from "./progress.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";
import { wholeNumber } from "./whole-number.ts";

interface ListOptions extends GlobalOptions {
  readonly limit: number;
}

export function addOperationsCommand(program: Command, done: Done): void {
  const operations = program
    .command("operations")
    .description("list, show, cancel, resume or retry operations");
  addList(operations, done);
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
    .command("resume")
    .description("have an operation that ended badly go on from the step where it stopped")
    .argument("<id>", "the operation")
    .action(async (id: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const server = connect(options);
      const path = `/api/operations/${encodeURIComponent(id)}/resume`;
      const operation = await server.post(path, undefined, operationShape);
      done(await follow(server, [operation], options));
    });
  addRetry(operations, done);
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

function addList(operations: Command, done: Done): void {
  operations
    .command("list")
    .description("the operations, newest first")
    .option("--limit <count>", `at most so many, up to ${mostOperations}`, wholeNumber, 200)
    .action(async (_options, command: Command) => {
      const options = optionsOf<ListOptions>(command);
      const { limit } = options;
      const answer = await connect(options).get(`/api/operations?limit=${limit}`, operationsAnswer);
      print(options, answer, () => [
        ...formatTable(
          ["OPERATION", "KIND", "NODE", "STATUS", "STARTED"],
          answer.operations.map(({ id, kind, node, status, createdAtMs }) => [
            ...[id, kind, node, status, formatTime(createdAtMs)],
          ]),
        ),
        ...(answer.operations.length < limit || limit === mostOperations
          ? []
          : [`shown are the newest ${limit}; --limit shows up to ${mostOperations}`]),
      ]);
      done(exitCodes.ok);
    });
}

function addRetry(operations: Command, done: Done): void {
  const retry = operations
    .command("retry")
    .description("order again what an operation that ended badly was to do, from its beginning")
    .argument("<id>", "the operation");
  withOrderOptions(retry, true).action(async (id: string, _options, command: Command) => {
    const options = optionsOf<OrderOptions>(command);
    const path = `/api/operations/${encodeURIComponent(id)}`;
    const operation = await connect(options).get(path, operationShape);
    const obstacle = retryObstacle(operation);
    if (obstacle !== undefined) throw obstacle;
    const { kind, nodes, parameters } = operation;
    done(await carryOut({ verb: kind, nodes: [...nodes], options: parameters ?? {} }, options));
  });
}

/** Where its order, once more, would be another order: what is done or still at work did not end badly, and "the one before" is another by now. */
function retryObstacle({ id, kind, node, status, failure }: OperationView): CliError | undefined {
  if (failure !== undefined && failure.carryOn === undefined)
    return new CliError(
      exitCodes.failed,
      `operation ${id} can't be ordered again as it was: what a ${kind} goes by has changed with it`,
      `look at what is there now, and order it by its own command: rackstrap explain ${node}`,
    );
  if (status === "failed" || status === "cancelled") return undefined;
  return new CliError(
    exitCodes.failed,
    `operation ${id} is ${status}: there is nothing to retry`,
    status === "running"
      ? `follow it: rackstrap operations show ${id}`
      : "to have the same done once more, order it by its own command",
  );
}
