// Reads the secrets that an inventory refers to. The value leaves here only wrapped in a Secret.

import { readFile } from "node:fs/promises";
import { Secret } from "../net/secret.ts";
import { type CommandOutcome, runSecretCommand } from "./secret-command.ts";
import { nameSecret, type SecretReference } from "./secret-schema.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type CommandReference = Extract<SecretReference, { readonly cmd: unknown }>;

/** Reads a secret; rejects with an error that names the reference (never the value) and the remedy. */
export type ReadSecret = (reference: SecretReference) => Promise<Secret>;

const commandLimits = { timeoutMs: 10_000, maxBytes: 64 * 1024 };
/** What a program printed is good for so long: `sops -d` takes a second, and the BMCs of a whole rack are read every minute. */
export const commandMemoryMs = 60_000;

/** Reads one secret anew. */
export async function readSecret(
  reference: SecretReference,
  environment: Environment,
): Promise<Secret> {
  if ("cmd" in reference) return await readPrinted(reference, environment);
  return "env" in reference
    ? readVariable(reference.env, environment)
    : await readSecretFile(reference.file);
}

/**
 * A reader for a server: variables and files are read anew each time, what a program printed at most once a minute, and one run serves
 * all who ask meanwhile. What failed is not remembered.
 */
export function createSecretReader(
  environment: Environment,
  nowMs: () => number = () => performance.now(),
): ReadSecret {
  const known = new Map<string, { readonly sinceMs: number; readonly secret: Promise<Secret> }>();
  return async (reference) => {
    if (!("cmd" in reference)) return await readSecret(reference, environment);
    const key = JSON.stringify([reference.cmd, reference.directory]);
    const kept = known.get(key);
    if (kept !== undefined && nowMs() - kept.sinceMs < commandMemoryMs) return await kept.secret;
    const run = { sinceMs: nowMs(), secret: readPrinted(reference, environment) };
    known.set(key, run);
    try {
      return await run.secret;
    } catch (error) {
      if (known.get(key) === run) known.delete(key);
      throw error;
    }
  };
}

function readVariable(name: string, environment: Environment): Secret {
  const value = environment[name];
  if (value === undefined || value === "")
    throw new Error(
      `the environment variable ${name} is not set: set it for the server and start again`,
    );
  return new Secret(value);
}

async function readSecretFile(file: string): Promise<Secret> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new Error(`the secret file ${file} can't be read: create it with mode 0600`, { cause });
  }
  const value = withoutLineEnd(text);
  if (value !== "") return new Secret(value);
  throw new Error(`the secret file ${file} is empty: write the password into it`);
}

async function readPrinted(reference: CommandReference, environment: Environment): Promise<Secret> {
  const { cmd, directory } = reference;
  const outcome = await runSecretCommand(cmd, directory, environment, commandLimits);
  const value = outcome.kind === "printed" ? withoutLineEnd(outcome.text) : "";
  if (value !== "") return new Secret(value);
  const where = directory === undefined ? "" : ` in ${directory}`;
  throw new Error(
    `${nameSecret(reference)}, which is to print a secret, ${complaint(outcome)}: run it by hand${where} as the server's user and see what it says`,
  );
}

function complaint(outcome: CommandOutcome): string {
  switch (outcome.kind) {
    case "printed":
      return "printed nothing";
    case "exited":
      return `failed with ${outcome.how}`;
    case "not-started":
      return `could not be started (${outcome.how})`;
    case "timed-out":
      return `did not end within ${commandLimits.timeoutMs / 1000} s`;
    case "too-long":
      return `printed more than ${commandLimits.maxBytes} bytes`;
  }
}

/** One line end is the file's, not the secret's. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, "");
}
