// Whether a node runs what it was given. Well is also a node that its new system crashed, and that restarted into the former one: what
// was only tested is no generation, and a boot loader may choose another one.

import type { Node } from "../../inventory/schema.ts";
import { readSystem } from "../node-system.ts";
import { failed, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

/** What a step makes of a node that does not run this system; undefined where it does. */
export async function runsAnother(
  { shell }: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const { running } = read.system;
  if (running === system) return undefined;
  return unknownYet(node, running, {
    reason: `node ${node.name} runs ${running} and not ${system}: it restarted meanwhile, or another system was activated there`,
    next: `on node ${node.name} read: journalctl -b -1 -n 200`,
  });
}

/** What a step makes of a node that was not started with this system; undefined where it was. */
export async function startedWithAnother(
  { shell }: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<StepResult | undefined> {
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const { booted } = read.system;
  if (booted === system) return undefined;
  return unknownYet(node, booted, {
    reason: `node ${node.name} started with ${booted} and not with ${system}`,
    next: `look at what its boot loader starts: rackstrap console ${node.name}`,
  });
}

/** The link is missing for a moment while a node starts, and while it is put in place of another. */
function unknownYet(
  node: Node,
  path: string,
  { reason, next }: { readonly reason: string; readonly next: string },
): StepResult {
  return path === ""
    ? wait(3000, `node ${node.name} does not say yet which system it runs`)
    : failed(reason, next);
}
