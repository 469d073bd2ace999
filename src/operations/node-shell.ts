// Commands on installed nodes, over SSH as root: only ever to the machine that holds the host key which its install gave it.

import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { runOverSsh, SshError, type SshFailureKind, type SshTarget } from "../install/ssh.ts";
import type { Node } from "../inventory/schema.ts";
import { replaceDurably } from "../pki/durable.ts";

/** What came of a command: its stdout, or one sentence on why there is none. */
export type ShellAnswer =
  | { readonly ok: true; readonly stdout: string }
  | {
      readonly ok: false;
      /** `command`: it ran and ended badly. `unknown-key`: nobody knows which host key the node has. */
      readonly kind: SshFailureKind | "unknown-key";
      readonly why: string;
    };

export interface ShellOptions {
  readonly timeoutMs: number;
  /** What the command reads: secrets go this way and never into `command`. */
  readonly input?: string | Buffer;
}

export interface NodeShell {
  /** Runs `command` in root's shell on `node`. Rejects only on abort, and when ssh can't be run. */
  run(
    node: Node,
    command: string,
    options: ShellOptions,
    signal: AbortSignal,
  ): Promise<ShellAnswer>;
}

/** `port` is the one that every node's SSH listens on. */
export function createNodeShell(stateDirectory: string, keyFile: string, port = 22): NodeShell {
  return {
    run: async (node, command, options, signal) => {
      const target = await nodeTarget(stateDirectory, keyFile, node, port);
      if ("unknown" in target) return { ok: false, kind: "unknown-key", why: target.unknown };
      try {
        const settings = { hostKey: "pinned", ...options } as const;
        return { ok: true, stdout: await runOverSsh(target, command, settings, signal) };
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        return { ok: false, kind: error.kind, why: error.message };
      }
    },
  };
}

/** How root on the node is reached, or one sentence when nobody knows which host key the node has. */
export async function nodeTarget(
  stateDirectory: string,
  keyFile: string,
  node: Node,
  port = 22,
): Promise<SshTarget | { readonly unknown: string }> {
  const knownHostsFile = nodeKeyFile(stateDirectory, node);
  const known = await readFile(knownHostsFile, "utf8").catch(() => "");
  // The name that it had when its key was kept: the site's domain may be another by now.
  const [alias = ""] = known.split(" ", 1);
  if (alias === "")
    return {
      unknown: `the SSH host key of node ${node.name} is not known here: ${knownHostsFile} is missing`,
    };
  return { address: node.productionAddress, port, user: "root", keyFile, knownHostsFile, alias };
}

/** Keeps the host key that the system on a node's disk has proved to hold, or was given last. Whole after a crash, and the same when repeated. */
export async function keepNodeKey(
  stateDirectory: string,
  node: Pick<Node, "name" | "fqdn">,
  publicKey: string,
): Promise<void> {
  const file = nodeKeyFile(stateDirectory, node);
  await mkdir(join(file, ".."), { recursive: true, mode: 0o700 });
  const [type = "", key = ""] = publicKey.trim().split(/\s+/);
  await replaceDurably(file, `${node.fqdn} ${type} ${key}\n`);
}

function nodeKeyFile(stateDirectory: string, { name }: Pick<Node, "name">): string {
  return join(stateDirectory, "node-keys", name);
}
