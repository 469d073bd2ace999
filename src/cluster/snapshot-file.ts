// A snapshot on its way to a file: hashed as it passes, never held as a whole, and named only when it is checked and on the disk.

import { createHash } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../net/error-text.ts";
import { syncDirectory } from "../net/sync-directory.ts";

export interface Written {
  readonly bytes: number;
  /** Of all that was written, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Writes `chunks` to `file`, mode 0600, in place of one that is there. Until `check` is content the file has another name; when it throws,
 * or `chunks` do, nothing is left.
 */
export async function writeSnapshot(
  file: string,
  chunks: AsyncIterable<Buffer>,
  check: (written: Written) => void,
): Promise<Written> {
  const unfinished = `${file}.part`;
  await rm(unfinished, { force: true });
  const handle = await open(unfinished, "wx", 0o600);
  try {
    const hash = createHash("sha256");
    let bytes = 0;
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      await handle.writeFile(chunk).catch((cause: unknown) => {
        throw new Error(`${file} can't be written: ${messageOf(cause)}`, { cause });
      });
    }
    const written = { bytes, sha256: hash.digest("hex") };
    check(written);
    await handle.sync();
    await rename(unfinished, file);
    await syncDirectory(dirname(file));
    return written;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}
