// The systems of nodes as the inventory in force has them built and copied.

import { buildSystem, type ClosureAnswer, copySystem } from "../install/closure.ts";
import type { LiveInventory } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import { nodeTarget } from "./node-shell.ts";

/** Each call may be repeated, and rejects only on abort. */
export interface Closures {
  /** Builds the node's system from the flake on this server; the store path. May take as long as `update.buildSeconds`. */
  build(node: Node, signal: AbortSignal): Promise<ClosureAnswer>;
  /** Copies a built system to the node. May take as long as `update.copySeconds`. */
  copy(node: Node, storePath: string, signal: AbortSignal): Promise<ClosureAnswer>;
}

export interface ClosureTools {
  readonly inventory: LiveInventory;
  readonly stateDirectory: string;
  /** The provisioning key. */
  readonly sshKeyFile: string;
  /** What nix runs with. */
  readonly path: string;
  readonly home: string;
}

export function createClosures(tools: ClosureTools): Closures {
  const { inventory, path, home } = tools;
  return {
    build: async (node, signal) => {
      const { install, update } = inventory();
      const timeoutMs = update.buildSeconds * 1000;
      const { flake, offline } = install;
      const request = { command: update.build, flake, node: node.name, offline };
      return await buildSystem({ ...request, path, home, timeoutMs }, signal);
    },
    copy: async (node, storePath, signal) => {
      const { install, update } = inventory();
      const target = await nodeTarget(tools.stateDirectory, tools.sshKeyFile, node);
      if ("unknown" in target) return { ok: false, why: target.unknown };
      const timeoutMs = update.copySeconds * 1000;
      const request = { command: update.copy, target, storePath, offline: install.offline };
      return await copySystem({ ...request, path, home, timeoutMs }, signal);
    },
  };
}
