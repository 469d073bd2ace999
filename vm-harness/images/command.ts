// Runs the build's child processes. A failure carries the command and the end of its stderr.

import { spawn } from "node:child_process";

/** Runs `argv` to its end and returns its stdout; throws with the exit code and the last of its stderr. */
export function run(
  argv: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<string> {
  const [command = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    const stdout: Buffer[] = [];
    let lastStderr = "";
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => {
      lastStderr = (lastStderr + chunk.toString()).slice(-2000);
    });
    child.on("error", (cause) => reject(new Error(`${command}: cannot be started`, { cause })));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(stdout).toString());
      reject(new Error(`${argv.join(" ")}: ended with ${code ?? signal}\n${lastStderr.trim()}`));
    });
  });
}

/** Runs a shell line whose `$1`, `$2`… are `parameters`, for pipes between programs; any failing part fails the line. */
export function runShell(line: string, ...parameters: readonly string[]): Promise<string> {
  return run(["bash", "-euo", "pipefail", "-c", line, "bash", ...parameters]);
}
