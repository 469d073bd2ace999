// Makes SSH host keys, an installer's and that of the system it installs, so that either is known before it first answers.

import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { runChild } from "./child.ts";

export interface HostKey {
  /** OpenSSH format, without a passphrase. */
  readonly privateKey: string;
  /** One line: type, key, comment. */
  readonly publicKey: string;
}

/**
 * The ed25519 key in `file` (public half in `file`.pub), made by ssh-keygen when there is none: the
 * same key after every restart of an install. Its directory is for the owner only.
 */
export async function loadOrCreateHostKey(
  file: string,
  comment: string,
  signal: AbortSignal,
): Promise<HostKey> {
  return (await findHostKey(file)) ?? (await create(file, comment, signal));
}

/** The key in `file`, or undefined when there is none. */
export async function findHostKey(file: string): Promise<HostKey | undefined> {
  try {
    const privateKey = await readFile(file, "utf8");
    return { privateKey, publicKey: await readFile(`${file}.pub`, "utf8") };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function create(file: string, comment: string, signal: AbortSignal): Promise<HostKey> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const part = await mkdtemp(`${file}.part-`); // mode 0700
  try {
    const made = join(part, "key");
    const argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", made];
    const result = await runChild(argv, { timeoutMs: 10_000, maxOutputBytes: 64 * 1024 }, signal);
    if (result.exitCode !== 0)
      throw new Error(`ssh-keygen failed with ${result.exitCode}: ${result.stderr.trim()}`);
    // The private half last: where it is, both are.
    await rename(`${made}.pub`, `${file}.pub`);
    await rename(made, file);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  const key = await findHostKey(file);
  if (key === undefined) throw new Error(`ssh-keygen left no key in ${file}`);
  return key;
}
