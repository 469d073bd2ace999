// The script of one machine, as the decision, the images and the templates stand. Whatever is not right with them
// sends the machine to its own disk: what can't be booted must not be half booted.

import type { Node } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { AssetSet } from "./assets.ts";
import type { Decision } from "./decide.ts";
import { shownNonce } from "./nonce.ts";
import type { BootScripts, BootServer } from "./script.ts";

export interface MachineScript {
  readonly text: string;
  readonly plan: "installer" | "local-disk";
  readonly reason: string;
  /** What an operator has to mend, where the machine did not get what was decided. */
  readonly fault?: string;
}

export interface ScriptTools {
  readonly scripts: BootScripts;
  readonly server: BootServer;
  /** The usable asset set of a profile. */
  readonly set: (profile: string) => AssetSet | undefined;
  readonly nonce: (intentId: string) => string;
}

/** The script for the machine that `node` declares; undefined for one in no inventory. Never throws for a template or an image. */
export function machineScript(
  tools: ScriptTools,
  node: Node | undefined,
  { boot, reason }: Decision,
): MachineScript {
  if (boot.kind === "local-disk") return localDisk(tools.scripts, node, reason);
  const set = tools.set(boot.node.profile);
  if (set === undefined) {
    const fault = `node ${boot.node.name} is to be installed, but profile ${boot.node.profile} has no usable asset set: see rackstrap check`;
    return { ...localDisk(tools.scripts, node, fault), fault };
  }
  const nonce = tools.nonce(boot.intentId);
  try {
    const text = tools.scripts.installer(tools.server, boot.node, set, nonce);
    return { text, plan: "installer", reason };
  } catch (error) {
    const fault = `node ${boot.node.name} is to be installed, and its script can't be made: ${messageOf(error).replaceAll(nonce, shownNonce)}`;
    return { ...localDisk(tools.scripts, node, fault), fault };
  }
}

/** The script that all machines run first. */
export function menuScript(
  scripts: BootScripts,
  server: BootServer,
): Pick<MachineScript, "text" | "fault"> {
  try {
    return { text: scripts.menu(server) };
  } catch (error) {
    const fault = messageOf(error);
    return { text: scripts.plain(undefined, fault), fault };
  }
}

/** The script that boots the disk of the machine that asks, saying `reason`. */
export function localDisk(
  scripts: BootScripts,
  node: Node | undefined,
  reason: string,
): MachineScript {
  try {
    return { text: scripts.localDisk(node, reason), plan: "local-disk", reason };
  } catch (error) {
    const fault = messageOf(error);
    return { text: scripts.plain(node, reason), plan: "local-disk", reason, fault };
  }
}
