// rackstrap add | replace | reprovision | decommission: nodes that become members of a living cluster, or cease to be.

import type { Command } from "commander";
import { CliError, type ExitCode, exitCodes } from "./exit.ts";
import { generateInto } from "./generate.ts";
import {
  type InstallOptions,
  installOptionsOf,
  withInstallOptions,
  withLimit,
} from "./install-options.ts";
import { carryOut, collect, withOrderOptions } from "./order.ts";
import { type Done, optionsOf } from "./output.ts";
import { requireInventory } from "./server.ts";

interface MemberOptions extends InstallOptions {
  readonly gone?: string[];
  readonly generate?: string;
}

export function addMemberCommands(program: Command, done: Done): void {
  const add = program
    .command("add")
    .description("install nodes and make them members of the living cluster, one after the other")
    .argument("<nodes...>", "names of declared nodes");
  withOrderOptions(withLimit(withInstallOptions(add)), false).action(ordered("add", done));
  const replace = program
    .command("replace")
    .description("give a dead node's place in the cluster to the machine that is declared now")
    .argument("<node>", "name of a declared node");
  withOrderOptions(withGone(withInstallOptions(replace)), true).action(ordered("replace", done));
  const reprovision = program
    .command("reprovision")
    .description("take a node out of the cluster, wipe and install it, and have it join again")
    .argument("<node>", "name of a declared node");
  withOrderOptions(withInstallOptions(reprovision), true).action(ordered("reprovision", done));
  const decommission = program
    .command("decommission")
    .description("drain a node, take it out of the cluster and of the inventory, switch it off")
    .argument("<node>", "name of a declared node")
    .option("--generate <dir>", "then write DNS zones and monitoring targets without it there");
  withOrderOptions(withGone(decommission), true).action(
    async (node: string, _options: unknown, ran: Command) => {
      const options = optionsOf<MemberOptions>(ran);
      if (options.generate !== undefined && options.json === true)
        throw twoAnswers(options.generate);
      if (options.generate !== undefined && options.detach === true)
        throw tooEarly(options.generate);
      // Without one the node would be gone by the time the files can't be written.
      if (options.generate !== undefined) requireInventory(options.inventory);
      const code = await order("decommission", [node], options);
      const isWatched = options.execute === true && options.detach !== true;
      done(isWatched && code === exitCodes.ok ? await forget(node, options) : code);
    },
  );
}

type MemberVerb = "add" | "replace" | "reprovision" | "decommission";

function ordered(verb: MemberVerb, done: Done) {
  return async (named: string | string[], _options: unknown, ran: Command): Promise<void> => {
    const nodes = [named].flat();
    done(await order(verb, nodes, optionsOf<MemberOptions>(ran)));
  };
}

async function order(verb: MemberVerb, nodes: string[], options: MemberOptions): Promise<ExitCode> {
  // One that has left is in no list of nodes any more.
  const wanted = verb === "decommission" ? undefined : "active";
  return await carryOut({ verb, nodes, options: said(nodes, options) }, options, wanted);
}

/** What names nodes outside of the cluster. */
const withoutNode = ["dns", "prometheus"] as const;

const generateCommand = (directory: string) =>
  `rackstrap generate --only ${withoutNode.join(" ")} --write --into ${directory}`;

/** Nobody waits for the node to have left. */
function tooEarly(directory: string): CliError {
  return new CliError(
    exitCodes.usage,
    "--generate and --detach do not go together: the files would be written before the node has left",
    `leave --generate out, and when the operation is done run: ${generateCommand(directory)}`,
  );
}

/** Each would be a JSON document of its own. */
function twoAnswers(directory: string): CliError {
  return new CliError(
    exitCodes.usage,
    "--generate and --json do not go together: there would be two answers",
    `leave --generate out, and then run: ${generateCommand(directory)} --json`,
  );
}

/** The rest of the world: written where that was asked for, else said. */
async function forget(
  node: string,
  // Its --force is about nodes, not files.
  { generate, force: _, ...globals }: MemberOptions,
): Promise<ExitCode> {
  if (generate !== undefined) return await generateInto(generate, withoutNode, globals);
  console.error(`DNS zones and monitoring targets still name ${node}: ${generateCommand("DIR")}`);
  return exitCodes.ok;
}

function withGone(command: Command): Command {
  return command.option(
    "--gone <node>",
    "its former machine is off for good, where nobody can see that: type the node's name",
    collect,
  );
}

function said(nodes: readonly string[], options: MemberOptions): Record<string, unknown> {
  const { gone } = options;
  const install = installOptionsOf(nodes, options);
  return gone === undefined ? install : { ...install, gone: [...new Set(gone)] };
}
