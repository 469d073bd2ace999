// Runs one command on a host through the system's ssh, with no configuration but what is written here.
// Says why it failed in one of six words; it doesn't retry.

import { readFile, writeFile } from "node:fs/promises";
import { type ChildResult, runChild } from "./child.ts";

export interface SshTarget {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Private key without a passphrase, mode 0600. */
  readonly keyFile: string;
  readonly knownHostsFile: string;
  /** The name under which known_hosts has the host's key. Absent: its address. */
  readonly alias?: string;
}

export interface SshOptions {
  /** `accept-new` writes the key of a host that known_hosts doesn't name; `pinned` refuses such a host. */
  readonly hostKey: "accept-new" | "pinned";
  readonly timeoutMs: number;
  /** What the command reads; absent: nothing. */
  readonly input?: string | Buffer;
}

export type SshFailureKind =
  /** Nothing listens on the port. */
  | "refused"
  /** No way there, or the host hung up before it said who it is. */
  | "unreachable"
  | "timeout"
  | "authentication"
  /** Another host key than known_hosts has. */
  | "host-key-changed"
  /** The command ran and failed. */
  | "command";

export class SshError extends Error {
  readonly kind: SshFailureKind;

  constructor(kind: SshFailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SshError";
    this.kind = kind;
  }
}

const maxOutputBytes = 1024 * 1024;
const connectSeconds = 10;

/** Runs `command` in the remote user's shell and returns its stdout. Throws an SshError. */
export async function runOverSsh(
  target: SshTarget,
  command: string,
  options: SshOptions,
  signal: AbortSignal,
): Promise<string> {
  const result = await ssh(target, command, options, signal);
  if (result.exitCode === 0) return result.stdout;
  const { kind, said } = classifySshFailure(result);
  throw new SshError(kind, `ssh ${target.user}@${target.address} port ${target.port}: ${said}`, {
    cause: new Error(`exit ${result.exitCode}: ${result.stderr.trim().slice(-1000)}`),
  });
}

/**
 * Makes `publicKey` (a line of an .pub file) the only key that `knownHostsFile` has, for this host. A file that is as it
 * should be is left alone: each look at a machine comes by here, and on a full disk a file that is written anew ends empty.
 */
export async function pinHostKey(
  { address, port, knownHostsFile }: Pick<SshTarget, "address" | "port" | "knownHostsFile">,
  publicKey: string,
): Promise<void> {
  const [type = "", key = ""] = publicKey.trim().split(/\s+/);
  const host = port === 22 ? address : `[${address}]:${port}`;
  const pinned = `${host} ${type} ${key}\n`;
  if ((await readFile(knownHostsFile, "utf8").catch(() => "")) === pinned) return;
  await writeFile(knownHostsFile, pinned, { mode: 0o600 });
}

/**
 * Whether the host at `address` holds the private half of `publicKey` (a line of an .pub file). It
 * has to sign the key exchange with it, which repeating the public half (all that ssh-keyscan asks
 * for) can't do. Nobody is logged in. `knownHostsFile` is written and should be the caller's own.
 */
export async function checkHostKey(
  target: SshTarget,
  publicKey: string,
  signal: AbortSignal,
): Promise<"matches" | "differs" | "unreachable"> {
  await pinHostKey(target, publicKey);
  const result = await ssh(target, "true", { hostKey: "pinned", timeoutMs: 20_000 }, signal);
  if (result.exitCode === 0) return "matches";
  switch (classifySshFailure(result).kind) {
    // The host key is checked before the user: to be turned away as a user, the host had to prove itself.
    case "authentication":
    case "command":
      return "matches";
    case "host-key-changed":
      return "differs";
    case "refused":
    case "unreachable":
    case "timeout":
      return "unreachable";
  }
}

/** What of an ssh command line makes it use this key for this host and nothing else of whoever runs it. */
export function sshSettings(
  target: Pick<SshTarget, "keyFile" | "knownHostsFile" | "alias">,
  hostKey: SshOptions["hostKey"],
): string[] {
  const checking = hostKey === "pinned" ? "yes" : "accept-new";
  const settings = [
    "BatchMode=yes",
    `ConnectTimeout=${connectSeconds}`,
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    `UserKnownHostsFile=${target.knownHostsFile}`,
    "GlobalKnownHostsFile=/dev/null",
    `StrictHostKeyChecking=${checking}`,
    "UpdateHostKeys=no",
    "HashKnownHosts=no",
    "ControlPath=none",
    ...(target.alias === undefined ? [] : [`HostKeyAlias=${target.alias}`]),
  ].flatMap((setting) => ["-o", setting]);
  return ["-F", "none", ...settings, "-i", target.keyFile];
}

async function ssh(
  target: SshTarget,
  command: string,
  options: SshOptions,
  signal: AbortSignal,
): Promise<ChildResult> {
  const settings = sshSettings(target, options.hostKey);
  const argv = ["ssh", "-T", ...settings, "-p", `${target.port}`];
  argv.push("-l", target.user, "--", target.address, command);
  try {
    const { timeoutMs, input } = options;
    return await runChild(argv, { timeoutMs, maxOutputBytes, input }, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new Error(
      `ssh could not be run: ${String(cause)} (Debian package openssh-client, stdout at most ${maxOutputBytes} bytes)`,
      { cause },
    );
  }
}

// ssh's own failures all exit with 255; which one it was is only in its words.
const failures: readonly (readonly [RegExp, SshFailureKind])[] = [
  [/HOST IDENTIFICATION HAS CHANGED|Host key verification failed/, "host-key-changed"],
  [/No \S+ host key is known for/, "host-key-changed"],
  [/no matching host key type found/, "host-key-changed"],
  [/Permission denied|Too many authentication failures/, "authentication"],
  [/Connection refused/, "refused"],
  [/timed out|Timeout, server/, "timeout"],
  [/No route to host|unreachable|Connection (?:closed|reset)|Could not resolve/, "unreachable"],
];

/** What an unsuccessful run of ssh means, and the line that says so. */
export function classifySshFailure(result: Pick<ChildResult, "exitCode" | "timedOut" | "stderr">): {
  kind: SshFailureKind;
  said: string;
} {
  if (result.timedOut) return { kind: "timeout", said: "no end in time" };
  const lines = result.stderr
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^@+$/.test(line));
  const last = lines.at(-1) ?? "no reason given";
  if (result.exitCode !== undefined && result.exitCode !== 255)
    return { kind: "command", said: `exit code ${result.exitCode}: ${last}` };
  for (const [pattern, kind] of failures) {
    const said = lines.findLast((line) => pattern.test(line));
    if (said !== undefined) return { kind, said };
  }
  return { kind: "unreachable", said: last };
}

/** One word for a POSIX shell, whatever is in it. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
