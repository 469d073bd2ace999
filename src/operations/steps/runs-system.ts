// Whether a node runs what it was given. Well is also a node that its new system crashed, and that restarted into the former one: what
// was only tested is no generation, and a boot loader may choose another one.

import type { Node } from "../../inventory/schema.ts";
import { type NodeSystem, readSystem } from "../node-system.ts";
import { failed, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

/** What a step makes of a node that does not run this system; undefined where it does. */
export async function runsAnother(
  work: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  return await compare(work, node, system, signal, ({ running }) => ({
    seen: running,
    reason: `node ${node.name} runs ${running} and not ${system}: it restarted meanwhile, or another system was activated there`,
    next: `on node ${node.name} read: journalctl -b -1 -n 200`,
  }));
}

/** What a step makes of a node that was not started with this system; undefined where it was. */
export async function startedWithAnother(
  work: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  return await compare(work, node, system, signal, ({ booted }) => ({
    seen: booted,
    reason: `node ${node.name} started with ${booted} and not with ${system}`,
    next: `look at what its boot loader starts: rackstrap console ${node.name}`,
  }));
}

interface Difference {
  /** Store path; empty where the node does not say. */
  readonly seen: string;
  readonly reason: string;
  readonly next: string;
}

async function compare(
  { shell }: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
  look: (system: NodeSystem) => Difference,
): Promise<StepResult | undefined> {
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const { seen, reason, next } = look(read.system);
  if (seen === system) return undefined;
  // The link is missing for a moment while a node starts, and while it is put in place of another.
  return seen === ""
    ? wait(3000, `node ${node.name} does not say yet which system it runs`)
    : failed(reason, next);
}
