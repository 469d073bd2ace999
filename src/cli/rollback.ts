// rackstrap generations | rollback: what systems a node has had, and one of them again.

import { type Command, InvalidArgumentError } from "commander";
import { type GenerationsView, generationsShape } from "../api/generations.ts";
import { exitCodes } from "./exit.ts";
import { carryOut, type OrderOptions, withOrderOptions } from "./order.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, formatTime } from "./table.ts";

interface RollbackOptions extends OrderOptions {
  readonly generation?: number;
  readonly once?: boolean;
  readonly reboot?: boolean;
}

export function addRollbackCommands(program: Command, done: Done): void {
  program
    .command("generations")
    .description("the generations of a node's system, and which it runs and starts with")
    .argument("<node>", "name of a declared node")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/nodes/${encodeURIComponent(node)}/generations`;
      const view = await connect(options).get(path, generationsShape);
      print(options, view, () => generationLines(view));
      done(exitCodes.ok);
    });
  const rollback = program
    .command("rollback")
    .description("activate a generation that a node had; the one before its own unless named")
    .argument("<node>", "name of a declared node")
    .option("--generation <number>", "which (rackstrap generations NODE)", wholeNumber)
    .option("--once", "until the node's next start")
    .option("--reboot", "restart the node where its kernel changes");
  withOrderOptions(rollback, true).action(async (node: string, _options, ran: Command) => {
    const options = optionsOf<RollbackOptions>(ran);
    const { generation, once, reboot } = options;
    const restart = reboot === true ? { reboot } : {};
    const said = {
      once: once === true,
      ...restart,
      ...(generation === undefined ? {} : { generation }),
    };
    done(await carryOut({ verb: "rollback", nodes: [node], options: said }, options, "active"));
  });
}

/** The table, and a line where the node runs what no generation has. */
function generationLines({ generations, lasting, running, booted }: GenerationsView): string[] {
  const rows = generations.map(({ number, createdAtMs, path }) => {
    const marks = [
      ...(path === running ? ["running"] : []),
      ...(number === lasting ? ["starts with it"] : []),
      ...(path === booted ? ["started with it"] : []),
    ];
    return [`${number}`, formatTime(createdAtMs), marks.join(", "), path];
  });
  const isKnown = running === "" || generations.some(({ path }) => path === running);
  return [
    // A store path that is cut is of no use.
    ...formatTable(["GENERATION", "MADE", "", "SYSTEM"], rows, 400),
    ...(isKnown ? [] : [`it runs ${running}, which is none of them: gone at its next start`]),
  ];
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("a generation is a number such as 12");
}
