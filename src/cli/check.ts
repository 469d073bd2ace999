// rackstrap check: the inventory file, and everything around it that the runbook's checklists ask for, by the running server or,
// where none answers, from this machine.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { checkAnswer } from "../api/shapes.ts";
import { tokenFileName } from "../api/token.ts";
import { formatProblem, type LoadResult, loadInventory } from "../inventory/load.ts";
import type { Inventory } from "../inventory/schema.ts";
import { createSecretReader } from "../inventory/secret.ts";
import { type Area, areas, type CheckLine } from "../preflight/line.ts";
import { type PreflightOptions, preflight } from "../preflight/preflight.ts";
import { systemSurroundings } from "../preflight/system.ts";
import { probing } from "../serve/checks.ts";
import { createControllers } from "../serve/controllers.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { areaLines, countsOf } from "./report-text.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

interface CheckOptions extends GlobalOptions {
  readonly fileOnly?: boolean;
  readonly server?: boolean;
  readonly here?: boolean;
  readonly only?: Area;
  readonly defaultPasswords?: boolean;
}

export function addCheckCommand(program: Command, done: Done): void {
  program
    .command("check")
    .description(
      "check the inventory, this server, its network, BMCs, names, clocks, keys and tools",
    )
    .addOption(
      new Option("--file-only", "check the inventory file and nothing else").conflicts([
        ...["server", "here", "only"],
      ]),
    )
    .option("--server", "have the running server check, and fail where none answers")
    .addOption(
      new Option("--here", "check from this machine, without a server").conflicts("server"),
    )
    .addOption(new Option("--only <area>", "one part of the checklist").choices([...areas]))
    .option("--default-passwords", "also try well-known passwords on the BMCs (3 for each)")
    .addHelpText("after", "\nExit code 0 when nothing is an error; warnings are no errors.")
    .action(async (_options, command: Command) => {
      const options = optionsOf<CheckOptions>(command);
      const file = options.inventory;
      if (file === undefined && (options.fileOnly === true || options.here === true))
        throw noInventory();
      const loaded = file === undefined ? undefined : loadInventory(file);
      const problems = loaded !== undefined && "problems" in loaded ? loaded.problems : [];
      const warnings = loaded !== undefined && "warnings" in loaded ? loaded.warnings : [];
      const inventory =
        loaded !== undefined && "inventory" in loaded ? loaded.inventory : undefined;
      const checks =
        problems.length > 0 || options.fileOnly === true ? [] : await runChecks(options, inventory);
      print(options, { problems, warnings, checks }, () => [
        ...(loaded === undefined ? [] : inventoryLines(file ?? "", loaded)),
        ...checkLines(checks),
      ]);
      const sound = problems.length === 0 && checks.every(({ level }) => level !== "error");
      done(sound ? exitCodes.ok : exitCodes.failed);
    });
}

function noInventory(): CliError {
  return new CliError(
    exitCodes.usage,
    "no inventory is named",
    "add --inventory FILE or set RACKSTRAP_INVENTORY",
  );
}

async function runChecks(
  options: CheckOptions,
  inventory: Inventory | undefined,
): Promise<readonly CheckLine[]> {
  const { only, defaultPasswords } = options;
  if (options.here !== true) {
    const query = new URLSearchParams({
      ...(only !== undefined && { only }),
      ...(defaultPasswords === true && { defaultPasswords: "try" }),
    });
    try {
      return (await connect(options).get(`/api/check?${query}`, checkAnswer)).checks;
    } catch (error) {
      const away = error instanceof CliError && error.code === exitCodes.unreachable;
      if (options.server === true || inventory === undefined || !away) throw error;
      if (mayRun(inventory))
        console.error(`no server answers (${error.message}): checking from here`);
    }
  }
  if (inventory === undefined) throw noInventory();
  return await checkHere(inventory, {
    running: false,
    tryDefaults: defaultPasswords === true,
    only,
  });
}

/** A server that never ran needs no mention. */
function mayRun({ server }: Inventory): boolean {
  return existsSync(join(server.stateDirectory, tokenFileName));
}

async function checkHere(
  inventory: Inventory,
  options: PreflightOptions,
): Promise<readonly CheckLine[]> {
  const controllers = createControllers(createSecretReader(process.env));
  try {
    const surroundings = systemSurroundings(probing(controllers));
    return await preflight(inventory, surroundings, options, (name) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Kchecked: ${name}`);
    });
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    await controllers.close();
  }
}

function inventoryLines(file: string, loaded: LoadResult): string[] {
  if ("problems" in loaded)
    return loaded.problems.map((problem) => printable(formatProblem(problem)));
  const { site, nodes } = loaded.inventory;
  return [
    ...loaded.warnings.map((warning) => printable(`warning  ${formatProblem(warning)}`)),
    `${file}: site ${site}, ${nodes.length} nodes, no problems`,
  ];
}

function checkLines(checks: readonly CheckLine[]): string[] {
  if (checks.length === 0) return [];
  return [...areas.flatMap((area) => areaLines(area, checks)), "", countsOf(checks)];
}
