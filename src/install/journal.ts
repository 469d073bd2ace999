// What the installer's own system logged, kept before its machine is given up: a failing disk or a missing driver stands there and not
// in what nixos-anywhere prints (reliability F11).

import { writeFile } from "node:fs/promises";
import { runOverSsh, SshError, type SshTarget } from "./ssh.ts";

const mostLines = 5000;
const timeoutMs = 20_000;

// Not every installer has a journal.
const command = `journalctl -b --no-pager -n ${mostLines} 2>/dev/null || dmesg | tail -n ${mostLines}`;

/** Writes it to `file`, mode 0600. False where the machine does not answer, or lets nobody in: that is no reason to fail. */
export async function keepJournal(
  target: SshTarget,
  file: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const journal = await runOverSsh(target, command, { hostKey: "pinned", timeoutMs }, signal);
    await writeFile(file, journal, { mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}
