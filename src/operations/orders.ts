// From an operator's order to operations: drawn up without changing anything, refused with every reason at once, or begun.

import type { z } from "zod";
import { findNode } from "../inventory/find.ts";
import { layersOf } from "../inventory/peers.ts";
import {
  mostLooked,
  newOperation,
  newStep,
  type Operation,
  type OperationKind,
} from "./operation.ts";
import type { PowerJobs } from "./power-jobs.ts";
import type { Runner } from "./runner.ts";
import type { Draft, DraftedOperation, OperationTools, Order, OrderRefusal, Verb } from "./verb.ts";
import { verbs } from "./verbs.ts";

/** An order as it would be carried out. */
export interface DraftedOrder extends Draft {
  readonly drafted: readonly Operation[];
}

export interface OrderTools extends OperationTools {
  readonly powerJobs: Pick<PowerJobs, "runningFor">;
}

/** What the order would do, with its steps, and all that speaks against it. Changes nothing. */
export async function draftOrder(tools: OrderTools, order: Order): Promise<DraftedOrder> {
  const inventory = tools.inventory();
  const chosen = order.nodes.flatMap((name) => findNode(inventory, name) ?? []);
  const unknown = order.nodes.filter((name) => findNode(inventory, name) === undefined);
  if (unknown.length > 0) return nothing(unknown.map((name) => unknownNode(name, inventory.nodes)));
  const verb = verbs[order.verb];
  const options = verb.options.safeParse(order.options);
  if (!options.success)
    return nothing(options.error.issues.map((issue) => badOption(order, issue)));
  const draft = await verb.draft(tools, chosen, order);
  const drafted = draft.operations.map((each) => toOperation(tools, verb, order, each));
  const refusals = [
    ...inTheWay(tools, verb, drafted),
    ...mistyped(order),
    ...draft.refusals.filter(({ liftedBy }) => !isLifted(liftedBy, order.force)),
  ];
  return { ...draft, drafted, refusals };
}

/**
 * Begins what the draft says, or says why not. What was typed against a guard is on the timeline first. `gone` aborts when nobody waits for
 * the answer any more: who was told nothing may have done something else meanwhile.
 */
export async function startOrder(
  tools: OrderTools,
  runner: Pick<Runner, "submit">,
  order: Order,
  gone?: AbortSignal,
): Promise<DraftedOrder> {
  const draft = await draftOrder(tools, order);
  if (draft.refusals.length > 0) return draft;
  const refusals = [
    ...(gone?.aborted === true ? [nobodyWaits(order)] : []),
    // Two orders that waited for the same answer of the cluster go on one after the other.
    ...inTheWay(tools, verbs[order.verb], draft.drafted),
  ];
  if (refusals.length > 0) return { ...draft, refusals };
  for (const operation of draft.drafted) noteTyped(tools, operation, draft);
  runner.submit(draft.drafted);
  return draft;
}

function nobodyWaits({ verb }: Order): OrderRefusal {
  return {
    reason: `who ordered ${verb} went away before it was drawn up, so nothing was begun`,
    next: "order it again",
  };
}

function noteTyped(
  { nodes }: OrderTools,
  { id, kind, node, forced, confirmed }: Operation,
  { quorum }: Draft,
): void {
  for (const name of forced)
    nodes.append({
      ...{ node: name, mac: undefined, kind: "quorum-budget-overridden" },
      detail: { operation: id, verb: kind, forced, quorum },
    });
  if (confirmed !== undefined)
    nodes.append({
      ...{ node, mac: undefined, kind: "wipe-confirmed" },
      detail: { operation: id, ...confirmed },
    });
}

/** Why an operation that ended badly can't go on from where it stopped; undefined when it can. */
export function resumeObstacle(tools: OrderTools, operation: Operation): OrderRefusal | undefined {
  const { id, kind, status } = operation;
  if (status === "running" || status === "done")
    return {
      reason: `the operation ${id} is ${status}`,
      next: `see: rackstrap operations show ${id}`,
    };
  if (!verbs[kind].resumable(operation))
    return {
      reason: `an operation of the kind ${kind} begins anew, for what it had prepared is gone`,
      next:
        verbs[kind].unrepeatable === true
          ? `look at what is there now, and order anew what is meant: rackstrap explain ${operation.node}`
          : `start it again: rackstrap operations retry ${id}`,
    };
  return [...inTheWay(tools, verbs[kind], [operation]), ...remadeSince(tools, operation)][0];
}

/** After one of these a node is not what an earlier operation left, and what that found and did holds no more. */
const remaking: ReadonlySet<OperationKind> = new Set([
  "provision",
  "add",
  "replace",
  "reprovision",
  "decommission",
  "restore",
  "disaster-recover",
]);

/** After one of these, however it ended, a node is in service or out of it, whatever an earlier operation did about that. */
const turning: ReadonlySet<OperationKind> = new Set(["drain", "undrain"]);

function remadeSince({ operations }: OrderTools, ended: Operation): OrderRefusal[] {
  const left = ended.steps.filter(({ status }) => status !== "done").map(({ node }) => node);
  const about = new Set([ended.node, ...left]);
  const looked = operations.outlines(mostLooked);
  const own = looked.findIndex(({ id }) => id === ended.id);
  // Newest first. What was ordered later on the same node began when this one had ended.
  const since = looked
    .slice(0, own < 0 ? looked.length : own)
    .find((other) => undoes(other) && other.nodes.some((node) => about.has(node)));
  if (since === undefined) return [];
  return [
    {
      reason: `${since.kind} ${since.node} was ${since.status === "done" ? "done" : "begun"} since (${since.id}): what ${ended.id} had done holds no more`,
      next: `see what is left to do (rackstrap explain ${ended.node}), and order that anew`,
    },
  ];
}

function undoes({ kind, status, steps }: Operation): boolean {
  return turning.has(kind)
    ? steps.some((step) => step.status === "done")
    : remaking.has(kind) && status === "done";
}

/** By which command an operation that ended badly is carried on, once what stopped it is mended; undefined where it is ordered anew by hand. */
export function carryingOn(operation: Operation): "resume" | "retry" | undefined {
  const { resumable, unrepeatable } = verbs[operation.kind];
  if (resumable(operation)) return "resume";
  return unrepeatable === true ? undefined : "retry";
}

function nothing(refusals: readonly OrderRefusal[]): DraftedOrder {
  return { operations: [], drafted: [], destroys: [], quorum: [], notes: [], refusals };
}

function toOperation(
  tools: OrderTools,
  verb: Verb,
  { verb: kind, force }: Order,
  { node, nodes, parameters, batch = nodes, confirmed }: DraftedOperation,
): Operation {
  const operation = newOperation({
    ...{ id: tools.newId(), kind, node, nodes, batch, parameters, confirmed },
    ...{ createdAtMs: tools.clock.now(), disruptive: verb.disruptive, forced: force },
  });
  return { ...operation, steps: verb.plan(tools, operation).steps.map(newStep) };
}

function unknownNode(name: string, nodes: readonly { readonly name: string }[]): OrderRefusal {
  const declared = nodes.map((node) => node.name).join(", ");
  return { reason: `no node is called ${name}`, next: `declared are: ${declared}` };
}

function badOption({ verb }: Order, { path, message }: z.core.$ZodIssue): OrderRefusal {
  const where = path.length === 0 ? "" : `${path.join(".")}: `;
  return { reason: `${verb}: ${where}${message}`, next: `see: rackstrap ${verb} --help` };
}

/** What is at work on its nodes at this moment, and what else takes machines or members away. */
function inTheWay(
  tools: OrderTools,
  verb: Verb,
  drafted: readonly Pick<Operation, "nodes">[],
): OrderRefusal[] {
  return [
    ...busyNodes(tools, drafted),
    ...otherDisruption(tools, verb),
    ...powerElsewhere(tools, verb, drafted),
  ];
}

function busyNodes(
  { operations, powerJobs }: OrderTools,
  drafted: readonly Pick<Operation, "nodes">[],
): OrderRefusal[] {
  return [...new Set(drafted.flatMap(({ nodes }) => nodes))].flatMap((node) => {
    const other = operations.runningFor(node);
    if (other !== undefined)
      return [
        {
          reason: `node ${node} has the operation ${other.id} (${other.kind}) running`,
          next: `follow it, or stop it first: rackstrap operations cancel ${other.id}`,
        },
      ];
    const job = powerJobs.runningFor(node);
    if (job === undefined) return [];
    return [
      {
        reason: `the power job ${job} is at work on node ${node}`,
        next: `wait for it: rackstrap power show ${job}`,
      },
    ];
  });
}

/** A disruptive operation runs alone; installs of new nodes run beside each other, and beside no disruption. */
function otherDisruption(
  { operations }: OrderTools,
  { disruptive, takesNobody }: Verb,
): OrderRefusal[] {
  const other =
    disruptive && takesNobody === undefined
      ? operations.operations({ running: true })[0]
      : operations.disruptive();
  if (other === undefined) return [];
  return [
    {
      reason: `${other.kind} ${other.node} is running (${other.id}), and what takes machines or members away runs alone`,
      next: `follow it, or stop it first: rackstrap operations cancel ${other.id}`,
    },
  ];
}

/** A member that shuts down is a healthy voter until it is down: a power job, whatever it does, is a disruption as well. */
function powerElsewhere(
  { inventory, powerJobs }: OrderTools,
  { disruptive }: Verb,
  drafted: readonly Pick<Operation, "nodes">[],
): OrderRefusal[] {
  if (!disruptive) return [];
  const own = new Set(drafted.flatMap(({ nodes }) => nodes));
  const others = inventory().nodes.filter(
    (node) => !own.has(node.name) && layersOf(inventory(), node).length > 0,
  );
  return others.flatMap(({ name }) => {
    const job = powerJobs.runningFor(name);
    if (job === undefined) return [];
    return [
      {
        reason: `the power job ${job} is at work on node ${name}, and what takes machines or members away runs alone`,
        next: `wait for it: rackstrap power show ${job}`,
      },
    ];
  });
}

/** A name that was typed to lift a budget must be one that the order is about: a slip is no confirmation. */
function mistyped({ nodes, force }: Order): OrderRefusal[] {
  return force
    .filter((name) => !nodes.includes(name))
    .map((name) => ({
      reason: `--force ${name} is about none of the nodes of this order (${nodes.join(", ")})`,
      next: "type the same name for both",
    }));
}

function isLifted(by: readonly string[] | undefined, typed: readonly string[]): boolean {
  return by !== undefined && by.length > 0 && by.every((name) => typed.includes(name));
}
