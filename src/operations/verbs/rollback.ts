// rollback: a generation that a node had, activated by its own program: lastingly, or until the node's next start (runbook §9.1,
// requirement E7). One that is not well there gets back what it ran.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import { judgeTaking, withinBudget } from "../budget.ts";
import {
  type Generation,
  type NodeSystem,
  readSystem,
  setGeneration,
  startsAnew,
} from "../node-system.ts";
import type { Operation } from "../operation.ts";
import { done, failed, type Plan, type Step } from "../result.ts";
import { activate } from "../steps/activate-system.ts";
import { type Before, orBack, type Turn, undo } from "../steps/go-back.ts";
import { handOver } from "../steps/hand-over.ts";
import { rebootSteps, type Spared, unless } from "../steps/reboot.ts";
import { shellFailure } from "../steps/services.ts";
import { stayHealthy } from "../steps/update-node.ts";
import { never, subject, type Verb, type Work, workOf } from "../verb.ts";
import { notIn, oneNode } from "./drain.ts";

const options = z
  .strictObject({
    /** Absent: the one before that which the node starts with. */
    generation: z.int().min(1).max(1_000_000).optional(),
    /** Until the next start of the node. */
    once: z.boolean().default(false),
    /** The node is restarted where its kernel changes. */
    reboot: z.boolean().default(false),
  })
  .refine(
    ({ once, reboot }) => !(once && reboot),
    "--once and --reboot exclude each other: a restart ends what --once activates",
  );

export const rollback: Verb = {
  disruptive: true,
  resumable: never,
  // "The one before" is another one by then.
  unrepeatable: true,
  options,
  draft: async (tools, chosen, order) => {
    const parameters = options.parse(order.options);
    const names = chosen.map(({ name }) => name);
    const { quorum, refusals } = judgeTaking(await tools.cluster.views(), names);
    const once = "until its next start; its kernel stays as it is";
    const lasting = parameters.reboot
      ? "where that generation has another kernel, the node is drained and restarted"
      : "a kernel of that generation counts from the next restart of the node (--reboot)";
    return {
      operations: names.map((node) => ({ node, nodes: [node], parameters })),
      destroys: [],
      quorum,
      notes: [parameters.once ? once : lasting],
      refusals: [
        ...oneNode(chosen),
        ...chosen.flatMap((node) => notIn(tools, node, ["active"])),
        ...refusals,
      ],
    };
  },
  plan: (tools, operation) => rollbackPlan(workOf(tools, operation), subject(tools, operation)),
};

const choiceShape = z.object({
  /** What of the generation counts only from the node's next start. */
  changed: z.array(z.string()).default([]),
  target: z.object({ generation: z.int(), system: z.string() }),
  before: z.object({
    ...{ generation: z.int(), system: z.string() },
    once: z.boolean().default(false),
  }),
});

function rollbackPlan(work: Work, node: Node): Plan {
  const turn: Turn = {
    before: (operation) => choiceOf(operation, node)?.before,
    system: (operation) => choiceShape.parse(chosenOf(operation, node)).target.system,
    untouched: [],
    next: `choose another generation: rackstrap generations ${node.name}`,
  };
  const { soakSeconds } = work.inventory.update;
  const watch = stayHealthy(work, node, "soak", soakSeconds, turn.system);
  const { reboot } = options.parse(work.operation.parameters);
  return {
    steps: [
      chooseGeneration(work, node),
      withinBudget(work, [node.name], handOver(work, node), { commits: false }),
      orBack(work, node, activateChosen(work, node), turn),
      ...(reboot ? restart(work, node, turn) : []),
      orBack(work, node, watch, turn),
    ],
    stop: async () =>
      await undo(work, [node], {
        ...{ from: "switch", to: "soak" },
        before: (operation) => choiceOf(operation, node)?.before,
      }),
  };
}

function chosenOf({ steps }: Operation, { name }: Node) {
  return steps.find(({ id, status }) => id === `choose-${name}` && status === "done")?.evidence;
}

function choiceOf(operation: Operation, node: Node) {
  return choiceShape.safeParse(chosenOf(operation, node)).data;
}

/** Not before the node was well on the generation: its services have just started anew. */
function restart(work: Work, node: Node, turn: Turn): readonly Step[] {
  const { testSeconds } = work.inventory.update;
  const watch = stayHealthy(work, node, "watch", testSeconds, turn.system);
  return [
    unless(keepsKernel, node, orBack(work, node, watch, turn)),
    ...rebootSteps(work, node, turn, keepsKernel),
  ];
}

const keepsKernel: Spared = (operation, node) =>
  choiceOf(operation, node)?.changed.length === 0 ? "its kernel does not change" : undefined;

function chooseGeneration({ shell, inventory, operation }: Work, node: Node): Step {
  const parameters = options.parse(operation.parameters);
  return {
    id: `choose-${node.name}`,
    title: `find generation ${parameters.generation ?? "before the one that it starts with"}`,
    node: node.name,
    deadlineMs: inventory.timeouts.serviceSeconds * 1000,
    next: `look at its generations: rackstrap generations ${node.name}`,
    run: async (_attempt, signal) => {
      const read = await readSystem(shell, node, signal);
      if (!read.ok) return shellFailure(node, read);
      const choice = choose(read.system, parameters.generation);
      if ("reason" in choice)
        return failed(
          `node ${node.name} ${choice.reason}`,
          `look at its generations: rackstrap generations ${node.name}`,
        );
      const { target, before, lasting } = choice;
      const anew = await startsAnew(shell, node, target.system, signal);
      if (!anew.ok) return shellFailure(node, anew);
      const summary = `generation ${target.generation} in place of ${lasting}`;
      const once = parameters.once && before.generation !== lasting;
      return done({ target, before: { ...before, once }, changed: anew.changed, summary });
    },
  };
}

interface Choice {
  readonly target: Before;
  readonly before: Before;
  /** The generation that the node starts with. */
  readonly lasting: number;
}

/**
 * Which generation is meant, and what is gone back to where it does not do: the one that the node runs, which after `--once` is not the one
 * that it starts with. That one, where what it runs is of none, or is the one that is meant. Pure.
 */
export function choose(
  { generations, lasting, running }: NodeSystem,
  wanted: number | undefined,
): Choice | { readonly reason: string } {
  if (lasting === undefined) return { reason: "starts with no generation that exists" };
  const target =
    wanted === undefined
      ? generations.findLast(({ number }) => number < lasting.number)
      : generations.find(({ number }) => number === wanted);
  const there = generations.map(({ number }) => number).join(", ");
  if (target === undefined)
    return {
      reason: `has no generation ${wanted ?? `before ${lasting.number}`} (there are: ${there})`,
    };
  const run = [lasting, ...generations].find(({ path }) => path === running);
  const before = run === undefined || run.path === target.path ? lasting : run;
  return { target: beforeOf(target), before: beforeOf(before), lasting: lasting.number };
}

function beforeOf({ number, path }: Generation): Before {
  return { generation: number, system: path };
}

function activateChosen(work: Work, node: Node): Step {
  const { inventory, shell, operation } = work;
  const { once } = options.parse(operation.parameters);
  return {
    id: `switch-${node.name}`,
    title: once ? "activate it until the next start" : "activate it, lastingly",
    node: node.name,
    deadlineMs: (inventory.update.activateSeconds + inventory.timeouts.budgetSeconds) * 1000,
    next: `on node ${node.name} read: journalctl -n 200`,
    run: async (attempt, signal) => {
      const choice = choiceOf(attempt.operation, node);
      if (choice === undefined) return failed("no generation was chosen", "start it again");
      const { generation, system } = choice.target;
      if (!once) {
        const set = await setGeneration(shell, node, generation, signal);
        if (!set.ok) return shellFailure(node, set);
      }
      const action = once ? "test" : "switch";
      return await activate(work, node, { name: "switch", action, system }, attempt, signal);
    },
  };
}
