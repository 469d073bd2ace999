#!/usr/bin/env node

// The command line: wires the commands together and is the only place that sets the exit code.

import { Command, CommanderError, Option } from "commander";
import { messageOf } from "../net/error-text.ts";
import { addAcceptCommand } from "./accept.ts";
import { addAssetsCommand } from "./assets.ts";
import { addBackupCommand } from "./backup.ts";
import { addBmcCommand } from "./bmc.ts";
import { addCertsCommand } from "./certs.ts";
import { addCheckCommand } from "./check.ts";
import { addClusterCommand } from "./cluster.ts";
import { addConsoleCommand } from "./console.ts";
import { addDiagnoseCommand } from "./diagnose.ts";
import { addDiscoveredCommand } from "./discovered.ts";
import { addDrainCommands } from "./drain.ts";
import { addDriftCommand } from "./drift.ts";
import { addEventsCommand } from "./events.ts";
import { CliError, type ExitCode, exitCodeHelp, exitCodes } from "./exit.ts";
import { addExplainCommand } from "./explain.ts";
import { addGenerateCommand } from "./generate.ts";
import { addImportCommand } from "./import.ts";
import { addInventoryCommand } from "./inventory.ts";
import { addLeasesCommand } from "./leases.ts";
import { addLintRunbookCommand } from "./lint-runbook.ts";
import { addMaintenanceCommand } from "./maintenance.ts";
import { addMemberCommands } from "./members.ts";
import { addNodesCommand } from "./nodes.ts";
import { addOperationsCommand } from "./operations.ts";
import { type Done, printJson } from "./output.ts";
import { addPowerCommand } from "./power.ts";
import { addProvisionCommand } from "./provision.ts";
import { addRenderCommand } from "./render.ts";
import { addRestoreCommands } from "./restore.ts";
import { addRollbackCommands } from "./rollback.ts";
import { addServeCommand } from "./serve.ts";
import { addUpdateCommand } from "./update.ts";
import { addVerifyCommand } from "./verify.ts";

type AddCommand = (program: Command, done: Done) => void;

/** As the help shows them. */
const commandGroups: readonly (readonly [string, readonly AddCommand[]])[] = [
  [
    "The site",
    [
      ...[addServeCommand, addCheckCommand, addAssetsCommand, addInventoryCommand],
      // The same, for those who know it by its short name.
      (program, done) => addImportCommand(program, done, true),
      ...[addGenerateCommand, addRenderCommand, addLintRunbookCommand],
    ],
  ],
  [
    "What is, and what was",
    [
      ...[addNodesCommand, addDiscoveredCommand, addAcceptCommand, addLeasesCommand],
      ...[addExplainCommand, addDiagnoseCommand, addDriftCommand, addEventsCommand],
      ...[addClusterCommand, addVerifyCommand, addCertsCommand, addOperationsCommand],
    ],
  ],
  ["Machines, through their BMCs", [addPowerCommand, addConsoleCommand, addBmcCommand]],
  [
    "Procedures: the plan is printed, --execute carries it out",
    [
      ...[addProvisionCommand, addMemberCommands, addDrainCommands, addMaintenanceCommand],
      ...[addUpdateCommand, addRollbackCommands, addBackupCommand, addRestoreCommands],
    ],
  ],
];

function createProgram(done: Done): Command {
  const program = new Command("rackstrap")
    .description("Turns racks of powered-off servers into healthy Raft clusters")
    .addOption(new Option("--json", "print JSON"))
    .addOption(new Option("--api <url>", "the server's API").env("RACKSTRAP_API"))
    .addOption(
      new Option("--token-file <file>", "the server's API token").env("RACKSTRAP_TOKEN_FILE"),
    )
    .addOption(
      new Option("--inventory <file>", "the site's file; names API and token, too").env(
        "RACKSTRAP_INVENTORY",
      ),
    )
    .configureHelp({ showGlobalOptions: true })
    .addHelpText("after", exitCodeText())
    .showSuggestionAfterError()
    .exitOverride();
  for (const [group, adders] of commandGroups) {
    program.commandsGroup(`${group}:`);
    for (const add of adders) add(program, done);
  }
  return program;
}

function exitCodeText(): string {
  const lines = exitCodeHelp.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`);
  return `\nExit codes:\n${lines.join("\n")}`;
}

/** Says what went wrong, in JSON where that was asked for; never a stack trace. */
function report(error: unknown, json: boolean): ExitCode {
  // Commander has already printed its sentence.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const message = messageOf(error);
  const next = error instanceof CliError ? error.next : undefined;
  if (json) printJson({ error: next === undefined ? { message } : { message, next } });
  else {
    console.error(`rackstrap: ${message}`);
    if (next !== undefined) console.error(`  next: ${next}`);
  }
  return error instanceof CliError ? error.code : exitCodes.failed;
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok;
  const program = createProgram((ended) => {
    code = ended;
  });
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return report(error, program.opts()["json"] === true);
  }
}

// A reader that went away (rackstrap nodes | head) is no fault of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? exitCodes.ok : exitCodes.failed);
});

process.exitCode = await main(process.argv);
