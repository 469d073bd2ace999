// Runs the real command line in its own process against a real API on a loopback port.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createApi } from "../../src/api/app.ts";
import type { Rackstrap } from "../../src/api/service.ts";
import { loadOrCreateToken } from "../../src/api/token.ts";
import { fakeRackstrap } from "../api/fake-rackstrap.ts";

const main = join(import.meta.dirname, "../../src/cli/main.ts");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `rackstrap` with `args`; `onOutput` sees what was written so far on both streams together. */
export function run(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  onOutput: (text: string, interrupt: () => void) => void = () => {},
): Promise<Outcome> {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const interrupt = () => void child.kill("SIGINT");
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(stdout + stderr, interrupt);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    onOutput(stdout + stderr, interrupt);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

export interface TestServer {
  readonly url: string;
  readonly tokenFile: string;
  readonly directory: string;
  /** Runs a command against this server. */
  rackstrap(...args: readonly string[]): Promise<Outcome>;
  close(): Promise<void>;
}

export async function startServer(changes: Partial<Rackstrap> = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), "rackstrap-cli-"));
  const token = loadOrCreateToken(directory, randomBytes);
  const app = createApi({
    service: fakeRackstrap(changes),
    token,
    log: pino({ level: "silent" }),
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const tokenFile = join(directory, "api-token");
  return {
    url,
    tokenFile,
    directory,
    rackstrap: (...args) => run([...args, "--api", url, "--token-file", tokenFile]),
    close: async () => {
      await app.close();
      rmSync(directory, { recursive: true });
    },
  };
}
