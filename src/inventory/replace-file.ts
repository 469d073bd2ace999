// Replaces a file of the operator's as a whole or not at all: whoever reads it meanwhile has the old text or the new one.

import { randomUUID } from "node:crypto";
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

/**
 * Writes `after` where `before` was read, with the same mode and owner, and waits for the disk. False, with nothing written, when somebody
 * changed the file since. Throws what the disk says.
 */
export function replaceFile(file: string, before: string, after: string): boolean {
  // A link stays a link: what it leads to is replaced.
  const path = realpathSync(file);
  const { mode, uid, gid } = statSync(path);
  const fresh = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  try {
    const handle = openSync(fresh, "wx", 0o600);
    try {
      writeFileSync(handle, after);
      fchownSync(handle, uid, gid);
      fchmodSync(handle, mode & 0o7777);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    if (readFileSync(path, "utf8") !== before) return false;
    renameSync(fresh, path);
    syncFolder(dirname(path));
    return true;
  } finally {
    rmSync(fresh, { force: true });
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
