// rackstrap provision: the operator's explicit act. Starts the installs and watches them to their end.

import type { Command } from "commander";
import {
  nodesAnswer,
  type OperationView,
  operationsAnswer,
  type ProvisionRequest,
} from "../api/shapes.ts";
import { CliError, type ExitCode, exitCodeFor, exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { createLiveDisplay } from "./live.ts";
import { type Done, optionsOf, print } from "./output.ts";
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

interface ProvisionOptions extends GlobalOptions {
  readonly detach?: boolean;
  readonly erase?: string[];
  readonly diskSerial?: string[];
  readonly limit?: string;
}

export function addProvisionCommand(program: Command, done: Done): void {
  program
    .command("provision")
    .description(
      "wipe and install nodes, and see them join the cluster; exit 0 when all are active",
    )
    // Names alone, no selectors: a machine is wiped because somebody wrote its name.
    .argument("<nodes...>", "names of declared nodes")
    .option("--detach", "start the operations and return")
    // One value each time: a list would swallow the names of nodes that follow.
    .option(
      "--erase <node>",
      "its disk may hold data that is not from here (again for each node)",
      collect,
    )
    .option(
      "--disk-serial <serial>",
      "the disk that its node has now, in place of the one it had",
      collect,
    )
    .option("--limit <count>", "this many nodes are meant, where the inventory allows fewer")
    .action(async (nodes: string[], _options, command: Command) => {
      const options = optionsOf<ProvisionOptions>(command);
      const server = connect(options);
      const body = provisionRequest(nodes, options);
      const { operations } = await server.post("/api/provision", body, operationsAnswer);
      if (options.detach === true) {
        print(options, { operations }, () => started(operations));
        done(exitCodes.ok);
      } else done(await follow(server, operations, options));
    });
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function provisionRequest(nodes: readonly string[], options: ProvisionOptions): ProvisionRequest {
  const { erase, diskSerial, limit } = options;
  if (limit !== undefined && !/^[1-9]\d{0,3}$/.test(limit))
    throw new CliError(
      exitCodes.usage,
      `--limit ${limit} is no number of nodes`,
      `count the names: --limit ${nodes.length}`,
    );
  return {
    nodes: [...new Set(nodes)],
    ...(erase === undefined ? {} : { erase: [...new Set(erase)] }),
    ...(diskSerial === undefined ? {} : { diskSerials: [...new Set(diskSerial)] }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

function started(operations: readonly OperationView[]): string[] {
  return formatTable(
    ["NODE", "OPERATION"],
    operations.map(({ node, id }) => [node, id]),
  );
}

async function follow(
  server: Server,
  operations: readonly OperationView[],
  options: GlobalOptions,
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
    return exitCodeFor(
      ended.map(({ node, status }) => status === "done" && states.get(node) === "active"),
    );
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
