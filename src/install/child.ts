// Runs a short program to its end with stated limits. For a program that outlives the server see run.ts.

import { execFile } from "node:child_process";

export interface ChildResult {
  /** Undefined when the program was ended by a signal. */
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly timeoutMs: number;
  readonly maxOutputBytes: number;
  /** The whole environment; PATH finds the program as well. Absent: this server's PATH alone. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Absent: this server's. */
  readonly directory?: string;
  /** What the program reads; absent: nothing. */
  readonly input?: string | Buffer | undefined;
}

/** Runs `argv` with nothing else of this server's environment. Rejects when it can't be started, prints too much, or the signal aborts. */
export function runChild(
  argv: readonly string[],
  { timeoutMs, maxOutputBytes, environment, directory, input }: ChildOptions,
  signal: AbortSignal,
): Promise<ChildResult> {
  const [file = "", ...args] = argv;
  const options = {
    env: environment ?? { PATH: process.env["PATH"] ?? "" },
    cwd: directory,
    timeout: timeoutMs,
    killSignal: "SIGKILL" as const,
    maxBuffer: maxOutputBytes,
    signal,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      // A text code is Node's own (ENOENT, ABORT_ERR …); a number is the program's exit code.
      if (error !== null && typeof error.code === "string") return reject(error);
      const exitCode = child.exitCode ?? undefined;
      resolve({ exitCode, timedOut: error?.killed ?? false, stdout, stderr });
    });
    // One that ends without reading it says so with its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
