// rackstrap console: a node's serial console in the terminal, or what it printed during the last install.

import type { Command } from "commander";
import { type ConsoleLine, consoleLogShape } from "../api/console-shapes.ts";
import { createConsoleText } from "../operations/console-text.ts";
import { type ConsoleTerminal, runConsole } from "./console-session.ts";
import { exitCodes } from "./exit.ts";
import { interruptible } from "./interrupt.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { createScreenFilter } from "./screen-filter.ts";
import { connect, type GlobalOptions, type Server } from "./server.ts";
import { printable } from "./table.ts";
import { processClock } from "./watch.ts";

interface ConsoleOptions extends GlobalOptions {
  readonly readOnly?: boolean;
  readonly take?: boolean;
  readonly log?: boolean;
}

export function addConsoleCommand(program: Command, done: Done): void {
  program
    .command("console")
    .description("a node's serial console in this terminal; ~. at the start of a line ends it")
    .argument("<node>", "name of a declared node")
    .option("--read-only", "only look; Ctrl-C ends it")
    .option("--take", "take the console over from somebody else's session")
    .option("--log", "print what it printed during the last install, as plain lines")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<ConsoleOptions>(command);
      const server = connect(options);
      if (options.log === true) await printLog(server, node, options);
      else await look(server, node, options);
      done(exitCodes.ok);
    });
}

async function printLog(server: Server, node: string, options: GlobalOptions): Promise<void> {
  const log = await server.get(
    `/api/nodes/${encodeURIComponent(node)}/console/log`,
    consoleLogShape,
  );
  print(options, log, () => {
    const text = createConsoleText();
    const lines = text.take(Buffer.from(log.data, "base64"));
    // Octets of UTF-8 until here.
    const all = text.pending.trim() === "" ? lines : [...lines, text.pending];
    return all.map((line) => printable(Buffer.from(line, "latin1").toString("utf8")));
  });
}

async function look(server: Server, node: string, options: ConsoleOptions): Promise<void> {
  const { stdin } = process;
  const typesEscapes = stdin.isTTY && options.readOnly !== true;
  if (typesEscapes) stdin.setRawMode(true);
  const note = (text: string) => process.stderr.write(`\r\n[rackstrap: ${text}]\r\n`);
  const terminal: ConsoleTerminal = {
    note,
    show: options.json === true ? showJson : createShow(note),
    input: options.readOnly === true ? undefined : stdin,
    typesEscapes,
  };
  try {
    if (typesEscapes) note(`console of ${node}: ~. ends, ~? helps`);
    const request = { node, take: options.take === true };
    await interruptible(["SIGINT", "SIGTERM"], (interrupt) =>
      runConsole(server, request, terminal, processClock, interrupt),
    );
  } finally {
    if (typesEscapes) stdin.setRawMode(false);
    // An input that nobody reads any more must not keep the command from ending.
    stdin.destroy();
  }
}

function showJson(line: ConsoleLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A terminal gets what draws on it; a file or a program gets every octet. */
function createShow(note: (text: string) => void) {
  const { stdout } = process;
  const filter = stdout.isTTY ? createScreenFilter() : (data: Buffer) => data;
  return (line: ConsoleLine) => {
    if (line.kind === "recent" || line.kind === "output")
      stdout.write(filter(Buffer.from(line.data, "base64")));
    if (line.kind === "state" && line.state === "away") note(awayText(line));
  };
}

function awayText({ reason = "", retryMs = 0 }: Extract<ConsoleLine, { kind: "state" }>): string {
  return printable(`${reason}; trying again in ${Math.round(retryMs / 1000)} s`);
}
