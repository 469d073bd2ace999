// One node's turn in an update: build, copy, remember what it runs, try the new system, keep it, restart for a new kernel where that
// was asked for, and stay healthy. What a step found out stands in its evidence, for the steps after it and over restarts.

import { z } from "zod";
import type { Node } from "../../inventory/schema.ts";
import { withinBudget } from "../budget.ts";
import { readSystem, setProfile, startsAnew } from "../node-system.ts";
import type { Operation } from "../operation.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { activate } from "./activate-system.ts";
import { type Before, orBack, type Turn } from "./go-back.ts";
import { handOver } from "./hand-over.ts";
import { rebootSteps, type Spared, unless } from "./reboot.ts";
import { runsAnother } from "./runs-system.ts";
import { shellFailure } from "./services.ts";
import { healthyVoter, soak } from "./soak.ts";
import { commitProblems, healthProblems } from "./verify-cluster.ts";

/** What the steps of a node found out. */
const builtShape = z.object({ system: z.string() });
const copiedShape = z.object({ isRunning: z.boolean(), restarts: z.boolean() });
const beforeShape = z.object({ before: z.object({ generation: z.int(), system: z.string() }) });

/** Builds the node's system on this server; nothing of the node is touched. */
export function buildNode({ closures, inventory }: Work, node: Node): Step {
  return {
    id: `build-${node.name}`,
    title: "build its system",
    node: node.name,
    deadlineMs: inventory.update.buildSeconds * 1000,
    next: `correct the configuration of node ${node.name} in ${inventory.install.flake}`,
    run: async (_attempt, signal) => {
      const built = await closures.build(node, signal);
      return built.ok
        ? done({ system: built.path })
        : failed(
            `${built.why}: nothing was changed`,
            `correct the configuration of node ${node.name} in ${inventory.install.flake}, or update.build`,
          );
    },
  };
}

/** `later`: the nodes whose turn comes after this one. */
export function turnSteps(work: Work, node: Node, later: readonly string[]): readonly Step[] {
  const names = [node.name, ...later].join(" ");
  const turn: Turn = {
    before: (operation) => beforeOf(operation, node),
    system: (operation) => builtFor(operation, node),
    untouched: later,
    next: `correct the configuration of node ${node.name}, then: rackstrap update ${names}`,
  };
  const guarded = (step: Step) => orBack(work, node, step, turn);
  const changing = (step: Step) => unless(isIdle, node, step);
  const activating = (step: Step) => unless(isRunning, node, step);
  const { testSeconds, soakSeconds } = work.inventory.update;
  const { reboot } = parametersShape.parse(work.operation.parameters);
  const healthy = (kind: "watch" | "soak", seconds: number) =>
    guarded(stayHealthy(work, node, kind, seconds, turn.system));
  return [
    copyToNode(work, node),
    changing(takeTurn(work, node)),
    changing(handOver(work, node)),
    activating(guarded(testSystem(work, node))),
    activating(healthy("watch", testSeconds)),
    activating(guarded(keepSystem(work, node))),
    ...(reboot ? rebootSteps(work, node, turn, isStarted) : []),
    changing(healthy("soak", soakSeconds)),
  ];
}

/** What the node ran before its turn; undefined before it, or where nothing is changed. */
export function beforeOf(operation: Operation, node: Node): Before | undefined {
  return beforeShape.safeParse(evidenceOf(operation, `take-${node.name}`)).data?.before;
}

function evidenceOf({ steps }: Operation, id: string) {
  return steps.find((step) => step.id === id && step.status === "done")?.evidence;
}

function builtFor(operation: Operation, { name }: Node): string {
  return builtShape.parse(evidenceOf(operation, `build-${name}`)).system;
}

const copied = (operation: Operation, { name }: Node) =>
  copiedShape.safeParse(evidenceOf(operation, `copy-${name}`)).data;

const isRunning: Spared = (operation, node) =>
  copied(operation, node)?.isRunning === true ? "it runs this system already" : undefined;

const isStarted: Spared = (operation, node) =>
  copied(operation, node)?.restarts === true ? undefined : "it is not restarted";

const isIdle: Spared = (operation, node) =>
  isRunning(operation, node) && isStarted(operation, node) ? isRunning(operation, node) : undefined;

const parametersShape = z.object({ reboot: z.boolean().default(false) });

function copyToNode(work: Work, node: Node): Step {
  const { inventory } = work;
  return {
    id: `copy-${node.name}`,
    title: "copy its system to it",
    node: node.name,
    deadlineMs: inventory.update.copySeconds * 1000,
    next: `look at the node: rackstrap diagnose ${node.name}`,
    run: async (attempt, signal) => await copySystem(work, node, attempt, signal),
  };
}

async function copySystem(
  { shell, closures }: Work,
  node: Node,
  { operation }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const system = builtFor(operation, node);
  const { reboot } = parametersShape.parse(operation.parameters);
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return shellFailure(node, read);
  const runs = read.system.running === system && read.system.lasting?.path === system;
  if (!runs) {
    const copying = await closures.copy(node, system, signal);
    if (!copying.ok)
      return failed(
        `${copying.why}: nothing was activated on node ${node.name}`,
        `see that the node has room and answers: rackstrap diagnose ${node.name}; then update again`,
      );
  }
  const anew = await startsAnew(shell, node, system, signal);
  if (!anew.ok) return shellFailure(node, anew);
  const restarts = reboot && anew.changed.length > 0;
  const notes = [
    ...(runs ? ["its build is the system that it runs"] : []),
    ...(anew.changed.length > 0 && !reboot
      ? [`a new ${anew.changed.join(", ")} counts from its next restart (--reboot)`]
      : []),
  ];
  const summary = notes.length > 0 ? { summary: notes.join("; ") } : {};
  return done({ isRunning: runs, restarts, changed: anew.changed, ...summary });
}

/** The last look before the node is touched: everybody else is well, and it is known what it can go back to. */
function takeTurn(work: Work, node: Node): Step {
  const { cluster, inventory, operation, shell } = work;
  const step: Step = {
    id: `take-${node.name}`,
    title: "all others healthy, and what it runs remembered",
    node: node.name,
    deadlineMs: inventory.timeouts.budgetSeconds * 1000,
    next: "bring the other members back first: rackstrap cluster status",
    run: async (_attempt, signal) => {
      const views = await cluster.fresh();
      const sick = views.flatMap((view) => othersProblems(view, node.name));
      if (sick.length > 0 && !operation.forced.includes(node.name))
        return wait(3000, sick.join("; "));
      const read = await readSystem(shell, node, signal);
      if (!read.ok) return shellFailure(node, read);
      const { lasting, running } = read.system;
      return lasting?.path === running
        ? done({ before: { generation: lasting.number, system: running } })
        : failed(
            noWayBack(node, running, lasting?.number),
            `choose one of its generations first: rackstrap generations ${node.name}; rackstrap rollback ${node.name} --generation N`,
          );
    },
  };
  return withinBudget(work, [node.name], step);
}

/** Why a node whose running system is none of its generations is not touched. */
function noWayBack(node: Node, running: string, lasting: number | undefined): string {
  const starts = lasting === undefined ? "no generation that exists" : `generation ${lasting}`;
  return `node ${node.name} runs ${running || "no known system"} and starts with ${starts}: there would be no way back to what it runs`;
}

/** Why the others are not well enough for a node to be taken, although the budget may allow it. */
export function othersProblems(view: Parameters<typeof healthProblems>[0], name: string): string[] {
  const others = view.voters.filter((other) => other !== name);
  return [...new Set(others.flatMap((other) => healthProblems(view, other)))];
}

function testSystem(work: Work, node: Node): Step {
  return activation(work, node, "test", "activate it, not yet lastingly");
}

/** The generation is made first: what is activated then is what the machine starts with. */
function keepSystem(work: Work, node: Node): Step {
  const title = "make it the newest generation";
  return activation(work, node, "switch", title, async (system, signal) => {
    // One that has crashed its node since it was seen well there would crash it at each start.
    const other = await runsAnother(work, node, system, signal);
    if (other !== undefined) return other;
    const set = await setProfile(work.shell, node, system, signal);
    return set.ok ? undefined : shellFailure(node, set);
  });
}

function activation(
  work: Work,
  node: Node,
  action: "test" | "switch",
  title: string,
  first?: (system: string, signal: AbortSignal) => Promise<StepResult | undefined>,
): Step {
  const { update, timeouts } = work.inventory;
  return {
    id: `${action}-${node.name}`,
    title,
    node: node.name,
    deadlineMs: (update.activateSeconds + timeouts.budgetSeconds) * 1000,
    next: `on node ${node.name} read: journalctl -n 200`,
    run: async (attempt, signal) => {
      const system = builtFor(attempt.operation, node);
      const obstacle = await first?.(system, signal);
      if (obstacle !== undefined) return obstacle;
      return await activate(work, node, { name: action, action, system }, attempt, signal);
    },
  };
}

/** Waits until the node was a healthy voter of every layer for so long, on that system; it may take `update.healthSeconds` more. */
export function stayHealthy(
  work: Work,
  node: Node,
  kind: "watch" | "soak",
  windowSeconds: number,
  system: Turn["system"],
): Step {
  const { cluster, inventory } = work;
  const windowMs = windowSeconds * 1000;
  const healthy = soak({ look: healthyVoter(cluster.fresh, inventory, node), windowMs });
  return {
    run: async (attempt, signal) => {
      const result = await healthy.run(attempt, signal);
      if (result.kind !== "done") return result;
      const other = await runsAnother(work, node, system(attempt.operation), signal);
      if (other !== undefined) return other;
      const unwritten = await commitProblems(cluster, await cluster.views(), signal);
      return unwritten.length === 0
        ? result
        : wait(3000, `unhealthy, the window starts again: ${unwritten.join("; ")}`, {
            healthySinceMs: undefined,
          });
    },
    id: `${kind}-${node.name}`,
    title: `a healthy voter on every layer for ${windowSeconds} s`,
    node: node.name,
    deadlineMs: windowMs + inventory.update.healthSeconds * 1000,
    next: "look at the cluster: rackstrap cluster status",
  };
}
