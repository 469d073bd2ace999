// Runs the program that prints a secret, such as `sops -d`. What it prints leaves here only as the value returned;
// what it says on standard error is never read, for it may quote the secret.

import { spawn } from "node:child_process";

export interface CommandLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export type CommandOutcome =
  | { readonly kind: "printed"; readonly text: string }
  | { readonly kind: "exited"; readonly how: string }
  | { readonly kind: "not-started"; readonly how: string }
  | { readonly kind: "timed-out" }
  | { readonly kind: "too-long" };

/**
 * Runs `argv` without a shell, in `directory`, with nothing on standard input. It and all that it started in its process group are
 * ended when it takes too long or prints too much. Never rejects.
 */
export function runSecretCommand(
  argv: readonly string[],
  directory: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  { timeoutMs, maxBytes }: CommandLimits,
): Promise<CommandOutcome> {
  const [program = "", ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...environment },
      cwd: directory,
      // In a group of its own: gpg and its like are children of the child.
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const parts: Buffer[] = [];
    let size = 0;
    const settle = (outcome: CommandOutcome) => {
      clearTimeout(timer);
      child.stdout?.destroy();
      resolve(outcome);
    };
    const giveUp = (outcome: CommandOutcome) => {
      endGroup(child.pid);
      settle(outcome);
    };
    const timer = setTimeout(() => giveUp({ kind: "timed-out" }), timeoutMs);
    child.stdout?.on("data", (part: Buffer) => {
      size += part.length;
      parts.push(part);
      if (size > maxBytes) giveUp({ kind: "too-long" });
    });
    child.once("error", (error: NodeJS.ErrnoException) =>
      settle({ kind: "not-started", how: error.code ?? "unknown error" }),
    );
    child.once("close", (code, signal) => {
      if (code === 0) settle({ kind: "printed", text: Buffer.concat(parts).toString("utf8") });
      else settle({ kind: "exited", how: signal ?? `exit code ${code}` });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}
