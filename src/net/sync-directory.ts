// Makes the names in a folder as durable as the files behind them.

import { open } from "node:fs/promises";

/** Waits until the disk has the folder's entries: a rename is on it only then. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
