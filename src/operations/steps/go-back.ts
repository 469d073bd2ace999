// The way back: a node that is not well on its new system gets the one that it had, and is seen to be well again. Never by
// `switch --rollback`: what was only tested is no generation, so that would go back one too far (trap 4).

import { quorumBudget } from "../../cluster/quorum.ts";
import type { Node } from "../../inventory/schema.ts";
import {
  type ActivationAction,
  lookAtActivation,
  readSystem,
  setGeneration,
  startActivation,
  startsAnew,
  stopActivations,
} from "../node-system.ts";
import type { Operation } from "../operation.ts";
import { type Attempt, done, failed, type Step, type StepResult, wait } from "../result.ts";
import type { Work } from "../verb.ts";
import { spent } from "../window.ts";
import { unitOf } from "./activate-system.ts";
import { startServices } from "./services.ts";
import { voterProblems } from "./verify-cluster.ts";

/** What a node ran, and would have started with, before it was touched. */
export interface Before {
  readonly generation: number;
  /** Store path. */
  readonly system: string;
  /** It ran it until its next start; what it starts with is another one, and is left as it is. */
  readonly once?: boolean;
}

/** What a step's end means for those after it. */
export interface Turn {
  /** Undefined before the node was touched, and where it is not touched at all. */
  readonly before: (operation: Operation) => Before | undefined;
  /** The store path of what it is to run then; known once the node was touched. */
  readonly system: (operation: Operation) => string;
  /** Nodes whose turn would have come, for the message. */
  readonly untouched: readonly string[];
  readonly next: string;
}

/**
 * The step; where it fails or takes too long the node goes back first, over any number of attempts and restarts of the server, and
 * what is told is both. Its own evidence remembers that it is on the way back.
 */
export function orBack(work: Work, node: Node, step: Step, turn: Turn): Step {
  const backMs = backWithinMs(work);
  return {
    ...step,
    // Both are timed here; the runner's own deadline is for neither.
    deadlineMs: 2 * (step.deadlineMs + backMs),
    run: async (attempt, signal) => {
      const { evidence, nowMs, operation } = attempt;
      const before = turn.before(operation);
      const broken = evidence["broken"];
      if (typeof broken === "string" && before !== undefined)
        return await back(work, node, { broken, before, turn, backMs }, attempt, signal);
      const time = spent(evidence, nowMs, longestGapMs);
      const result = await step.run(attempt, signal);
      if (result.kind === "done" || before === undefined) return result;
      if (result.kind === "wait" && time.spentMs < step.deadlineMs)
        return { ...result, evidence: { ...result.evidence, ...time } };
      const why =
        result.kind === "failed"
          ? result.reason
          : `not done after ${Math.round(step.deadlineMs / 1000)} s: ${result.why}`;
      return wait(0, `${why}; going back`, { broken: why, spentMs: 0, timedAtMs: nowMs });
    },
  };
}

/** How long the way back may take. */
function backWithinMs({ inventory: { update, timeouts } }: Work): number {
  return (update.activateSeconds + timeouts.verifySeconds) * 1000;
}

// While the server was down nobody looked, and a node may have become well meanwhile.
const longestGapMs = 60_000;

interface Return {
  readonly broken: string;
  readonly before: Before;
  readonly turn: Turn;
  readonly backMs: number;
}

async function back(
  work: Work,
  node: Node,
  { broken, before, turn, backMs }: Return,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { name } = node;
  const time = spent(attempt.evidence, attempt.nowMs, longestGapMs);
  const result = await goBack(work, node, before, attempt, signal);
  const whole = wholeOf(before);
  const rest = turn.untouched.length === 0 ? "" : `; not touched: ${turn.untouched.join(", ")}`;
  if (result.kind === "done") {
    const service = isOutOfService(work, attempt.operation, node) ? `${returning(name)}; ` : "";
    const anew = await startsAnew(work.shell, node, before.system, signal);
    const other = anew.ok && anew.changed.length > 0 ? anew.changed.join(", ") : undefined;
    const kernel = other === undefined ? "" : `, with another ${other} until its next restart`;
    return failed(
      `${broken}; node ${name} is back on ${whole} and healthy${kernel}${rest}`,
      `${service}${turn.next}`,
    );
  }
  const why = result.kind === "wait" ? result.why : result.reason;
  if (time.spentMs < backMs) return wait(3000, `${broken}; going back: ${why}`, { ...time });
  return failed(
    `${broken}; ${notBack(node, before, why)}${rest}`,
    `on node ${name}: ${before.system}/bin/switch-to-configuration ${actionOf(before)}; where it does not answer, choose generation ${before.generation} at its console: rackstrap console ${name}`,
  );
}

function actionOf({ once }: Before): ActivationAction {
  return once ? "test" : "switch";
}

function notBack({ name }: Node, before: Before, why: string): string {
  return `node ${name} is NOT back on ${wholeOf(before)}: ${why}`;
}

function wholeOf({ generation, system, once }: Before): string {
  return `generation ${generation} (${system})${once ? " until its next start" : ""}`;
}

/** Whether a restart had begun to take the node out of service, and it was not put back: going back starts its services and no more. */
function isOutOfService({ nodes }: Work, { steps }: Operation, { name }: Node): boolean {
  const step = (id: string) => steps.find((each) => each.id === `reboot-${id}-${name}`);
  const spared = (step("balance-drain")?.attempts ?? 0) > 0;
  const isBack = step("note-undrained")?.status === "done";
  return nodes.node(name).state === "drained" || (spared && !isBack);
}

function returning(name: string): string {
  return `put it back into service: rackstrap undrain ${name} --execute`;
}

/** The steps, without the node's name, between which a node is neither what it was nor seen well. */
interface Between {
  readonly from: string;
  readonly to: string;
  readonly before: (operation: Operation, node: Node) => Before | undefined;
}

/**
 * Brings back the node that an operation stopped in the middle of, between the first attempt at the step `from` and the end of the step
 * `to`: a node is either changed and seen well, or has what it had. Ends when it is back; else with an event on its timeline, and
 * returns what it has not.
 */
export async function undo(
  work: Work,
  nodes: readonly Node[],
  { from, to, before }: Between,
): Promise<string | undefined> {
  const { operations, clock } = work;
  const operation = operations.operation(work.operation.id) ?? work.operation;
  const step = (id: string) => operation.steps.find((each) => each.id === id);
  const node = nodes.find(
    ({ name }) =>
      (step(`${from}-${name}`)?.attempts ?? 0) > 0 && step(`${to}-${name}`)?.status !== "done",
  );
  const was = node === undefined ? undefined : before(operation, node);
  // A step that went back itself has said what became of it, unless it was cancelled on the way.
  const wentBack =
    !operation.cancelRequested &&
    operation.steps.some(({ evidence }) => evidence["broken"] !== undefined);
  if (node === undefined || was === undefined || wentBack) return undefined;
  const endMs = clock.now() + backWithinMs(work);
  const { signal } = new AbortController();
  for (;;) {
    const attempt = { operation, evidence: {}, nowMs: clock.now() };
    const result = await goBack(work, node, was, attempt, signal);
    if (result.kind === "done") {
      if (isOutOfService(work, operation, node))
        work.nodes.append({
          ...{ node: node.name, mac: undefined, kind: "left-out-of-service" },
          detail: { operation: operation.id, next: returning(node.name) },
        });
      return undefined;
    }
    if (clock.now() >= endMs) {
      const why = result.kind === "wait" ? result.why : result.reason;
      const detail = { operation: operation.id, generation: was.generation, why };
      work.nodes.append({ node: node.name, mac: undefined, kind: "not-put-back", detail });
      return notBack(node, was, why);
    }
    await clock.sleep(3000, signal);
  }
}

/** Why the node must stay as it is for now: it is well, and the cluster has no majority without it while its services start anew. */
async function neededBy({ cluster, operation }: Work, { name }: Node): Promise<string | undefined> {
  if (operation.forced.includes(name)) return undefined;
  const [sum] = (await cluster.fresh())
    .filter(({ healthyVoters }) => healthyVoters.includes(name))
    .map((view) => ({ layer: view.layer, ...quorumBudget(view, [name]) }))
    .filter(({ allowed }) => !allowed);
  return sum && `${sum.layer} needs it as it is: ${sum.sentence}`;
}

/** One attempt to have the node as it was; done when it is, and healthy. */
async function goBack(
  work: Work,
  node: Node,
  before: Before,
  { operation, evidence, nowMs }: Attempt,
  signal: AbortSignal,
): Promise<StepResult> {
  const { shell, cluster, nodes } = work;
  const unit = unitOf(operation, "back");
  const forward = (["test", "switch"] as const).map((name) => unitOf(operation, name));
  // What still activates the new system would come in between.
  const stopped = await stopActivations(shell, node, forward, signal);
  if (!stopped.ok) return wait(3000, stopped.why);
  const read = await readSystem(shell, node, signal);
  if (!read.ok) return wait(3000, read.why);
  if (!before.once && read.system.lasting?.number !== before.generation) {
    const set = await setGeneration(shell, node, before.generation, signal);
    if (!set.ok) return wait(3000, set.why);
  }
  const seen = await lookAtActivation(shell, node, unit, signal);
  if (!seen.ok) return wait(3000, seen.why);
  if (seen.state.kind === "running") return wait(2000, `${unit} is at work`);
  if (seen.state.kind === "absent") {
    const needed = await neededBy(work, node);
    if (needed !== undefined) return wait(3000, needed);
    const back = { system: before.system, action: actionOf(before) };
    const begun = await startActivation(shell, node, unit, back, signal);
    return wait(2000, begun.ok ? `${unit} has begun` : begun.why);
  }
  // Units that have nothing to do with the cluster may fail on the old system too: what counts is that it runs and is well.
  const said = seen.state.kind === "failed" ? `${unit}: ${seen.state.why}; ` : "";
  if (read.system.running !== before.system)
    return wait(3000, `${said}the node runs ${read.system.running}`);
  // It was drained for a restart.
  if (nodes.node(node.name).state === "drained") {
    const started = await startServices(work, node).run({ operation, evidence, nowMs }, signal);
    if (started.kind !== "done") return started;
  }
  const problems = voterProblems(work.inventory, await cluster.fresh(), node);
  return problems.length === 0 ? done() : wait(3000, `${said}${problems.join("; ")}`);
}
