// rackstrap maintenance NODE -- COMMAND: the node out of service, the operator's own command on this machine, the node back. Where
// the command fails the node stays out of service: nobody knows what it left behind.

import { spawn } from "node:child_process";
import type { Command } from "commander";
import { type OrderRequest, planShape } from "../api/operation-shapes.ts";
import { nodesAnswer } from "../api/shapes.ts";
import { CliError, type ExitCode, exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { carryOut, type OrderOptions, withForce } from "./order.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { planLines } from "./plan-text.ts";
import { connect } from "./server.ts";

export function addMaintenanceCommand(program: Command, done: Done): void {
  const command = program
    .command("maintenance")
    .description("drain a node, run a command on this machine, and put the node back")
    .usage("<node> [options] -- <command...>")
    .argument("<node>", "name of a declared node")
    .argument("<command...>", "with RACKSTRAP_NODE and RACKSTRAP_ADDRESS in its environment")
    .option("--execute", "do it; without this both plans are printed and nothing changes");
  withForce(command).action(
    async (node: string, argv: readonly string[], _options, ran: Command) => {
      const options = optionsOf<OrderOptions>(ran);
      const force = [...new Set(options.force ?? [])];
      const bracket = options.execute === true ? maintain : showPlans;
      done(await bracket(node, argv, { ...options, force }));
    },
  );
}

interface MaintenanceOptions extends OrderOptions {
  readonly force: readonly string[];
}

async function showPlans(
  node: string,
  argv: readonly string[],
  options: MaintenanceOptions,
): Promise<ExitCode> {
  const server = connect(options);
  const order = (verb: "drain" | "undrain", force: readonly string[]): OrderRequest => ({
    ...{ verb, nodes: [node], options: {}, force: [...force] },
  });
  const [before, after] = [order("drain", options.force), order("undrain", [])];
  const drain = await server.post("/api/plans", before, planShape);
  const undrain = await server.post("/api/plans", after, planShape);
  print(options, { drain, command: argv, undrain }, () => [
    ...planLines(before, drain).slice(0, -1),
    `then here: ${argv.join(" ")}`,
    "",
    ...planLines(after, undrain),
  ]);
  return drain.refusals.length === 0 ? exitCodes.ok : exitCodes.failed;
}

async function maintain(
  node: string,
  argv: readonly string[],
  options: MaintenanceOptions,
): Promise<ExitCode> {
  if (options.json === true)
    throw new CliError(
      exitCodes.usage,
      "--json and --execute: what the command prints is no JSON",
      "leave out --json, or drain and undrain by themselves",
    );
  const { nodes } = await connect(options).get("/api/nodes", nodesAnswer);
  const address = nodes.find(({ name }) => name === node)?.productionAddress ?? "";
  const drained = await carryOut({ verb: "drain", nodes: [node], options: {} }, options, "drained");
  if (drained !== exitCodes.ok) return drained;
  const ended = await runHere(argv, { RACKSTRAP_NODE: node, RACKSTRAP_ADDRESS: address });
  if (ended !== undefined)
    throw new CliError(
      exitCodes.failed,
      `${argv.join(" ")}: ${ended}; node ${node} stays drained`,
      `put it back when it may be: rackstrap undrain ${node} --execute`,
    );
  return await putBack(node, options);
}

async function putBack(node: string, options: MaintenanceOptions): Promise<ExitCode> {
  const { force: _, ...again } = options;
  try {
    return await carryOut({ verb: "undrain", nodes: [node], options: {} }, again, "active");
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // Else only the reason would be told, and not what it leaves.
    throw new CliError(
      error.code,
      `${error.message}\nnode ${node} stays drained`,
      `${error.next === undefined ? "" : `${error.next}; `}then put it back: rackstrap undrain ${node} --execute`,
    );
  }
}

/** Runs a command in this terminal; why it did not succeed, undefined when it did. */
async function runHere(
  [file = "", ...args]: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  // Ctrl-C is for the command: it ends that, and this process has to say what became of the node.
  return await interruptible(["SIGINT"], async () => {
    const env = { ...process.env, ...environment };
    const child = spawn(file, args, { stdio: "inherit", env });
    return await new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) =>
        resolve(code === 0 ? undefined : `it ended with ${signal ?? `exit code ${code}`}`),
      );
    });
  });
}
