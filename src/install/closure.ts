// Builds the system of a node on this server and copies it to the node, with nix or what stands in for it. No secret is in an
// argv: ssh is given the name of the key's file.

import { messageOf } from "../net/error-text.ts";
import { type ChildResult, runChild } from "./child.ts";
import { lastError } from "./flake-disks.ts";
import { cleanLine } from "./log-reader.ts";
import { nixConfig } from "./nix-features.ts";
import { type SshTarget, sshSettings } from "./ssh.ts";

/** What came of it, or one sentence on why nothing did. */
export type ClosureAnswer =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly why: string };

interface NixRun {
  /** The beginning of the argv. */
  readonly command: readonly string[];
  /** No substituter is asked, and no source is looked for anew. */
  readonly offline: boolean;
  /** What nix runs with: PATH and HOME. */
  readonly path: string;
  readonly home: string;
  readonly timeoutMs: number;
}

export interface BuildRequest extends NixRun {
  /** The flake without its fragment. */
  readonly flake: string;
  /** Name of the node's configuration in the flake. */
  readonly node: string;
}

export interface CopyRequest extends NixRun {
  readonly target: SshTarget;
  readonly storePath: string;
}

const maxOutputBytes = 16 * 1024 * 1024;

/** nix's own alphabet leaves out e, o, t and u; what stands in for nix need not. */
const storePath = /\/nix\/store\/[0-9a-z]{32}-[A-Za-z0-9+._?=-]{1,211}/g;

/** The argv that builds; it prints the store path. */
function buildArgv({
  command,
  flake,
  node,
  offline,
}: Pick<BuildRequest, "command" | "flake" | "node" | "offline">): string[] {
  const what = `${flake}#nixosConfigurations."${node}".config.system.build.toplevel`;
  return [...command, what, ...(offline ? ["--offline"] : [])];
}

/** The argv that copies. */
function copyArgv({
  command,
  target,
  storePath,
  offline,
}: Pick<CopyRequest, "command" | "target" | "storePath" | "offline">): string[] {
  const to = `ssh-ng://${target.user}@${target.address}`;
  return [...command, to, storePath, ...(offline ? ["--offline"] : [])];
}

/** Builds the node's system. Rejects only on abort. */
export async function buildSystem(
  request: BuildRequest,
  signal: AbortSignal,
): Promise<ClosureAnswer> {
  const ended = await runNix(request, buildArgv(request), {}, signal);
  if (!ended.ok) return ended;
  // Alone on a line (--print-out-paths), or in JSON behind that of its derivation, which nix of before 2.9 needs.
  const built = ended.path.match(storePath)?.filter((path) => !path.endsWith(".drv"));
  const path = built?.at(-1);
  return path === undefined
    ? {
        ok: false,
        why: `${request.command.join(" ")} printed no store path: ${cleanLine(ended.path)}`,
      }
    : { ok: true, path };
}

/** Copies a built system to the node whose host key is pinned. Rejects only on abort. */
export async function copySystem(
  request: CopyRequest,
  signal: AbortSignal,
): Promise<ClosureAnswer> {
  const settings = sshSettings(request.target, "pinned");
  // nix splits them at blanks, and older ones know no quotes.
  const blank = settings.find((setting) => /\s/.test(setting));
  if (blank !== undefined)
    return {
      ok: false,
      why: `nix can't hand ${blank} on to ssh: a path of the state directory or install.sshKey has a blank`,
    };
  const environment = { NIX_SSHOPTS: settings.join(" ") };
  const ended = await runNix(request, copyArgv(request), environment, signal);
  return ended.ok ? { ok: true, path: request.storePath } : ended;
}

/** Runs it to its end; `path` is what it printed. */
async function runNix(
  { path, home, timeoutMs, command }: NixRun,
  argv: readonly string[],
  more: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<ClosureAnswer> {
  const environment = { PATH: path, HOME: home, NIX_CONFIG: nixConfig, ...more };
  const said = command.join(" ");
  try {
    const ended = await runChild(argv, { timeoutMs, maxOutputBytes, environment }, signal);
    if (ended.timedOut) return { ok: false, why: `${said}: no end in ${timeoutMs / 1000} s` };
    if (ended.exitCode !== 0) return { ok: false, why: `${said}: ${explain(ended)}` };
    return { ok: true, path: ended.stdout };
  } catch (error) {
    signal.throwIfAborted();
    return { ok: false, why: `${said} could not be run: ${messageOf(error)}` };
  }
}

function explain(ended: ChildResult): string {
  const code = ended.exitCode === undefined ? "" : `exit code ${ended.exitCode}: `;
  return `${code}${lastError(ended)}`;
}
