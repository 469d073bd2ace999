// The generations of a node's system as the API tells them: read from the node itself, over SSH.

import { z } from "zod";
import type { Node } from "../inventory/schema.ts";
import type { NodeShell } from "../operations/node-shell.ts";
import { readSystem } from "../operations/node-system.ts";
import { Refusal } from "./service.ts";

const text = z.string();

export const generationsShape = z.object({
  node: text,
  /** Oldest first. */
  generations: z
    .array(z.object({ number: z.int(), createdAtMs: z.number(), path: text }))
    .readonly(),
  /** The number of the one that the node starts with; absent where it names none that exists. */
  lasting: z.int().optional(),
  /** The store path that is active now, and the one that the node was started with; empty where the node does not say. */
  running: text,
  booted: text,
});

export type GenerationsView = z.output<typeof generationsShape>;

/** Asks the node. Throws a `Refusal` when it gives no answer. */
export async function readGenerations(shell: NodeShell, node: Node): Promise<GenerationsView> {
  const answer = await readSystem(shell, node, new AbortController().signal);
  if (!answer.ok)
    throw new Refusal(
      "conflict",
      `node ${node.name} does not tell its generations: ${answer.why}`,
      `look at it: rackstrap explain ${node.name}`,
    );
  const { generations, lasting, running, booted } = answer.system;
  return {
    ...{ node: node.name, generations, running, booted },
    ...(lasting === undefined ? {} : { lasting: lasting.number }),
  };
}
