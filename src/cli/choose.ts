// The nodes that an operator's selectors mean, asked of the running server.

import type { Command } from "commander";
import { nodesAnswer } from "../api/shapes.ts";
import { selectNodes, selectorHelp } from "../inventory/select.ts";
import { CliError, exitCodes } from "./exit.ts";
import type { Server } from "./server.ts";

export interface SelectOptions {
  readonly except?: readonly string[];
}

/** Gives a command its nodes: `<nodes...>` and `--except`. */
export function addSelectors(command: Command): Command {
  return command
    .argument("<nodes...>", selectorHelp)
    .option(
      "--except <selector>",
      "leave these out; may be given several times",
      (value: string, before: readonly string[] = []) => [...before, value],
    );
}

/** The names of the nodes, each once, at least one. Throws a CliError that says what there is. */
export async function chooseNodes(
  server: Server,
  selectors: readonly string[],
  { except = [] }: SelectOptions,
): Promise<string[]> {
  const { nodes } = await server.get("/api/nodes", nodesAnswer);
  const selection = selectNodes(nodes, selectors, except);
  if ("problem" in selection)
    throw new CliError(exitCodes.usage, selection.problem, selection.next);
  return selection.nodes.map(({ name }) => name);
}
