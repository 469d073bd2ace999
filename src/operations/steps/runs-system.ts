// Whether a node runs what it was given. Well is also a node that its new system crashed, and that restarted into the former one: what
// was only tested is no generation, and a boot loader may choose another one.

import type { Node } from "../../inventory/schema.ts";
import { readSystem } from "../node-system.ts";
import { failed, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { shellFailure } from "./services.ts";

/** Why it will not do that a node has another system than the one it was given: as what it runs, as what it was started with. */
const otherSystem = {
  running: (name: string, seen: string, system: string) => ({
    reason: `node ${name} runs ${seen} and not ${system}: it restarted meanwhile, or another system was activated there`,
    next: `on node ${name} read: journalctl -b -1 -n 200`,
  }),
  booted: (name: string, seen: string, system: string) => ({
    reason: `node ${name} started with ${seen} and not with ${system}`,
    next: `look at what its boot loader starts: rackstrap console ${name}`,
  }),
};

/** What a step makes of a node that has another system than this one (a store path); undefined where it has this one. */
export async function runsAnother(
  { shell }: Pick<Work, "shell">,
  node: Node,
  system: string,
  signal: AbortSignal,
  as: keyof typeof otherSystem = "running",
): Promise<StepResult | undefined> {
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const seen = read.system[as];
  if (seen === system) return undefined;
  // The link is missing for a moment while a node starts, and while it is put in place of another.
  if (seen === "") return wait(3000, `node ${node.name} does not say yet which system it runs`);
  const { reason, next } = otherSystem[as](node.name, seen, system);
  return failed(reason, next);
}
