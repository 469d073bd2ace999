// rackstrap inventory fmt: the inventory's files in one order and indentation. Shows what would change; writes only when told to.

import { relative } from "node:path";
import type { Command } from "commander";
import { formatInventory } from "../inventory/format.ts";
import { readText } from "../inventory/include.ts";
import { lineDiff } from "../inventory/line-diff.ts";
import { formatProblem, loadInventory } from "../inventory/load.ts";
import { writeInventory } from "../inventory/write.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import type { GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

interface FmtOptions extends GlobalOptions {
  readonly check?: boolean;
  readonly write?: boolean;
}

interface Formatted {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

export function addInventoryFmtCommand(inventory: Command, done: Done): void {
  inventory
    .command("fmt")
    .description("show how the inventory's files are usually ordered and indented; comments stay")
    .argument("[file]", "the main file; without it that of --inventory")
    .option("--check", "end with 1 when something would change")
    .option("--write", "change the files")
    .action((named: string | undefined, _options, command: Command) => {
      const options = optionsOf<FmtOptions>(command);
      const main = requireFile(named ?? options.inventory);
      const all = filesOf(main).map(format);
      const changed = all.filter(({ before, after }) => before !== after);
      if (options.write === true) for (const one of changed) write(main, one);
      const files = all.map(({ file, before, after }) => ({
        ...{ file, changed: before !== after },
        diff: changesOf(before, after),
      }));
      print(options, { files, written: options.write === true }, () =>
        files.flatMap(({ file, changed: differs, diff }) =>
          differs ? [`${relative(".", file)}:`, ...diff.map(printable)] : [],
        ),
      );
      done(options.check === true && changed.length > 0 ? exitCodes.failed : exitCodes.ok);
    });
}

function requireFile(file: string | undefined): string {
  if (file !== undefined) return file;
  throw new CliError(exitCodes.usage, "no inventory is named", "add FILE or --inventory FILE");
}

/** Only a sound inventory is touched: in another, what belongs where can't be told. */
function filesOf(main: string): readonly string[] {
  const loaded = loadInventory(main);
  if ("inventory" in loaded) return loaded.files;
  throw new CliError(
    exitCodes.usage,
    `the inventory has ${loaded.problems.length} problem(s)\n${loaded.problems.map(formatProblem).join("\n")}`,
    `correct it and run: rackstrap check --inventory ${main}`,
  );
}

function format(file: string): Formatted {
  const read = readText(file);
  const before = "text" in read ? read.text : "";
  const formatted = before.trim() === "" ? { text: before } : formatInventory(before);
  if ("text" in formatted) return { file, before, after: formatted.text };
  throw new CliError(
    exitCodes.failed,
    `${file} is left as it is: ${formatted.problem}`,
    "correct that and run it again",
  );
}

function write(main: string, { file, before, after }: Formatted): void {
  const result = writeInventory({ file, before, after, main });
  if ("written" in result) return;
  throw new CliError(
    exitCodes.failed,
    "refused" in result ? result.refused : result.problems.map(formatProblem).join("\n"),
    "run it again",
  );
}

// The comparison takes the product of the lines as memory; what is alike at both ends needs none.
const maxLines = 3000;

function changesOf(before: string, after: string): readonly string[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end))
    end += 1;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (x.length > maxLines || y.length > maxLines) return [`${x.length} lines become ${y.length}`];
  return lineDiff(x.join("\n"), y.join("\n"));
}
