// Replaces a file of the operator's, and says what keeps it from being replaced.

import { replaceFile } from "../inventory/replace-file.ts";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";

/** Writes `after` where `before` was read, with the same mode and owner. Throws when somebody changed the file since. */
export function replaceText(file: string, before: string, after: string): void {
  try {
    if (replaceFile(file, before, after)) return;
  } catch (error) {
    throw new CliError(exitCodes.failed, `${file} was not changed: ${messageOf(error)}`);
  }
  throw new CliError(
    exitCodes.failed,
    `${file} was not changed: it was changed by somebody else meanwhile: look at it, and do this again`,
  );
}
