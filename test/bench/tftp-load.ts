// Runs the TFTP clients of tftp-client.ts in the client's namespace.

import { join } from "node:path";
import { addresses, type Lab, runClient } from "./lab.ts";
import type { TftpLoad, TftpOutcome } from "./tftp-client.ts";

/** Rejects when the clients could not be run; a transfer that fails is in the outcome. */
export async function runTftpClients(
  lab: Lab,
  load: Omit<TftpLoad, "address">,
): Promise<TftpOutcome> {
  const script = join(import.meta.dirname, "tftp-client.ts");
  const order = JSON.stringify({ ...load, address: addresses.server } satisfies TftpLoad);
  const limitMs = (load.limitSeconds + 30) * 1000;
  const result = await runClient(lab, [process.execPath, script, order], limitMs);
  if (result.code !== 0) throw new Error(`the TFTP clients failed: ${result.stderr}`);
  return JSON.parse(result.stdout) as TftpOutcome;
}
