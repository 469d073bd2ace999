// A file for the TFTP server that is in memory for good.

import type { HeldFile } from "../../src/tftp/server.ts";

export function heldFile(data: Buffer | undefined): HeldFile | undefined {
  return data && { data, release: () => undefined };
}
