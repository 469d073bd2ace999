// Replaces a file of the operator's as a whole or not at all: whoever reads it meanwhile has the old text or the new one.

import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";

/** Writes `after` where `before` was read, with the same mode and owner. Throws when somebody changed the file since. */
export function replaceText(file: string, before: string, after: string): void {
  // A link stays one.
  const path = realpathSync(file);
  const { mode, uid, gid } = statSync(path);
  const fresh = join(dirname(path), `.${basename(path)}.${process.pid}.new`);
  try {
    const handle = openSync(fresh, "wx", mode & 0o7777);
    try {
      writeFileSync(handle, after);
      fchownSync(handle, uid, gid);
      fchmodSync(handle, mode & 0o7777);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    if (readFileSync(path, "utf8") !== before)
      throw new Error("it was changed by somebody else meanwhile: look at it, and do this again");
    renameSync(fresh, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(fresh, { force: true });
    throw new CliError(exitCodes.failed, `${file} was not changed: ${messageOf(error)}`);
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
