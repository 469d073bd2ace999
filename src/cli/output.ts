// What commands print: lines for people, or the API's JSON as it is.

import type { Command } from "commander";
import type { ExitCode } from "./exit.ts";
import type { GlobalOptions } from "./server.ts";

/** Reports how a command ended; main.ts hands it to the process. */
export type Done = (code: ExitCode) => void;

/** The options of a command together with those of the program. */
export function optionsOf<T>(command: Command): GlobalOptions & T {
  return command.optsWithGlobals();
}

/** Prints `value` as JSON when that was asked for, else the lines. */
export function print(
  options: GlobalOptions,
  value: unknown,
  lines: () => readonly string[],
): void {
  if (options.json === true) printJson(value);
  else for (const line of lines()) console.log(line);
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}
