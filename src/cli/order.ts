// Orders as commands: without --execute the plan is printed and nothing changes, with it the operations are begun and watched.

import { type Command, Option } from "commander";
import {
  type OperationView,
  type OrderRequest,
  operationsAnswer,
  type PlanView,
  planShape,
} from "../api/operation-shapes.ts";
import { nodesAnswer } from "../api/shapes.ts";
import { type ExitCode, exitCodeFor, exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { createLiveDisplay } from "./live.ts";
import { print } from "./output.ts";
import { planLines } from "./plan-text.ts";
import { summary } from "./progress.ts";
import { connect, type GlobalOptions, type Server } from "./server.ts";
import { formatTable } from "./table.ts";
import {
  processClock as clock,
  type Show,
  showLines,
  showTable,
  watchOperations,
} from "./watch.ts";

export interface OrderOptions extends GlobalOptions {
  readonly execute?: boolean;
  readonly detach?: boolean;
  readonly force?: readonly string[];
}

/** Adds the options that every order has; `--force` where it may cost a quorum. */
export function withOrderOptions(command: Command, mayCostQuorum: boolean): Command {
  command
    .option("--execute", "do it; without this the plan is printed and nothing changes")
    .option("--detach", "begin it and return");
  return mayCostQuorum ? withForce(command) : command;
}

/** Adds the option that goes against the quorum budget. */
export function withForce(command: Command): Command {
  return command.addOption(
    new Option(
      "--force <node>",
      "go against the quorum budget for this node, by its name (again for each node)",
    ).argParser(collect),
  );
}

/** For options that are given again for each value: a list would swallow the names of nodes that follow. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

/** What is asked for, without the options that all orders have. */
export type Asked = Pick<OrderRequest, "verb" | "nodes" | "options">;

/**
 * Prints the plan, or begins and follows it to its end. `wanted`: the state that every node has to be in by then. The exit code says
 * whether it would be done, or was.
 */
export async function carryOut(
  { verb, nodes, options: said }: Asked,
  options: OrderOptions,
  wanted?: string,
): Promise<ExitCode> {
  const server = connect(options);
  const force = [...new Set(options.force ?? [])];
  const order: OrderRequest = { verb, nodes: [...new Set(nodes)], options: said, force };
  if (options.execute !== true) {
    const plan = await server.post("/api/plans", order, planShape);
    print(options, plan, () => planLines(order, plan));
    return exitCodeOf(plan);
  }
  const { operations } = await server.post("/api/operations", order, operationsAnswer);
  if (options.detach !== true) return await follow(server, operations, options, wanted);
  print(options, { operations }, () => started(operations));
  return exitCodes.ok;
}

function exitCodeOf({ refusals }: PlanView): ExitCode {
  return refusals.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function started(operations: readonly OperationView[]): string[] {
  return formatTable(
    ["NODE", "OPERATION"],
    operations.map(({ node, id }) => [node, id]),
  );
}

/** Watches operations to their end, prints what became of them, and says it with the exit code. */
export async function follow(
  server: Server,
  operations: readonly OperationView[],
  options: GlobalOptions,
  wanted?: string,
): Promise<ExitCode> {
  return await interruptible(["SIGINT"], async (interrupt) => {
    const show = chooseShow(operations.length, options);
    const ended = await watchOperations(server, operations, show, clock, interrupt);
    if (interrupt.aborted) {
      console.error("interrupted; the operations go on in the server: rackstrap operations list");
      return exitCodes.interrupted;
    }
    const { nodes } = await server.get("/api/nodes", nodesAnswer);
    const states = new Map(nodes.map(({ name, state }) => [name, state]));
    print(options, { operations: ended }, () => ["", ...summary(ended, states, Date.now())]);
    const reached = (node: string) => wanted === undefined || states.get(node) === wanted;
    return exitCodeFor(ended.map(({ node, status }) => status === "done" && reached(node)));
  });
}

/** A table needs a terminal that holds all of it; JSON on stdout leaves stderr for the lines. */
function chooseShow(count: number, options: GlobalOptions): Show {
  const { stdout } = process;
  if (options.json === true) return showLines((line) => console.error(line), clock.now);
  if (!stdout.isTTY || stdout.rows < count + 4)
    return showLines((line) => console.log(line), clock.now);
  return showTable(
    createLiveDisplay((text) => stdout.write(text)),
    stdout.columns,
    clock.now,
  );
}
