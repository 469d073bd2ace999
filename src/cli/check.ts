// rackstrap check: the inventory file on its own, and what a running server finds with itself.

import type { Command } from "commander";
import { type CheckResult, checkAnswer } from "../api/shapes.ts";
import { formatProblem, type LoadResult, loadInventory } from "../inventory/load.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

interface CheckOptions extends GlobalOptions {
  readonly server?: boolean;
}

export function addCheckCommand(program: Command, done: Done): void {
  program
    .command("check")
    .description("check the file of --inventory; with --server, or without a file, ask the server")
    .option("--server", "also ask the running server what it finds")
    .action(async (_options, command: Command) => {
      const options = optionsOf<CheckOptions>(command);
      const file = options.inventory;
      const loaded = file === undefined ? undefined : loadInventory(file);
      const problems = loaded !== undefined && "problems" in loaded ? loaded.problems : [];
      const askServer = problems.length === 0 && (options.server === true || file === undefined);
      const checks = askServer
        ? (await connect(options).get("/api/check", checkAnswer)).checks
        : [];
      print(options, { problems, checks }, () => [
        ...(loaded === undefined ? [] : inventoryLines(file ?? "", loaded)),
        ...checks.flatMap(checkLines),
      ]);
      const sound = problems.length === 0 && checks.every(({ ok }) => ok);
      done(sound ? exitCodes.ok : exitCodes.failed);
    });
}

function inventoryLines(file: string, loaded: LoadResult): string[] {
  if ("problems" in loaded) return loaded.problems.map(formatProblem);
  const { site, nodes } = loaded.inventory;
  return [`${file}: site ${site}, ${nodes.length} nodes, no problems`];
}

function checkLines({ title, ok, detail, next }: CheckResult): string[] {
  const line = printable(`${ok ? "ok    " : "failed"}  ${title}: ${detail}`);
  return next === undefined ? [line] : [line, printable(`        next: ${next}`)];
}
